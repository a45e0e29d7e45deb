#[multi_node::main(8080)]
async fn main() {}
