#[multi_node::main(port = -1)]
async fn main() {}
