#[multi_node::main(port = 8080 nodes = 4)]
async fn main() {}
