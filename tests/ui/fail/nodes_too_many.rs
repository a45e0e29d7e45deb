#[multi_node::main(nodes = 257)]
async fn main() {}
