#[multi_node::main(port = 65536)]
async fn main() {}
