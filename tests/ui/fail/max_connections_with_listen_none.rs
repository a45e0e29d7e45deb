#[multi_node::main(listen = none, max_connections = 1000)]
async fn main() {}
