#[multi_node::main(start_timeout = "0ms")]
async fn main() {}
