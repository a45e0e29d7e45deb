#[multi_node::main(port: 8080, nodes = 0)]
async fn main() {}
