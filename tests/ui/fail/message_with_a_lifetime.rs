#[derive(multi_node::Message)]
struct Borrowed<'a>(&'a str);

fn main() {}
