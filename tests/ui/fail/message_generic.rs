#[derive(multi_node::Message)]
struct Wrapper<T>(T);

fn main() {}
