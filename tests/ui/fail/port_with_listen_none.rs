#[multi_node::main(listen = none, port = 8080)]
async fn main() {}
