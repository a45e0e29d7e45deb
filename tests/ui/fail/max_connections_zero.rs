#[multi_node::main(max_connections = 0)]
async fn main() {}
