#[multi_node::main]
struct App;

fn main() {}
