#[multi_node::main]
fn main() {}
