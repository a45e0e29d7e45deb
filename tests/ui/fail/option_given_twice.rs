#[multi_node::main(port = 8080, nodes = 4, port = 8081)]
async fn main() {}
