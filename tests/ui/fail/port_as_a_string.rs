#[multi_node::main(port = "8080")]
async fn main() {}
