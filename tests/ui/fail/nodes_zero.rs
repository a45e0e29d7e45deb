#[multi_node::main(nodes = 0)]
async fn main() {}
