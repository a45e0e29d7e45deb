#[multi_node::main(host = 127)]
async fn main() {}
