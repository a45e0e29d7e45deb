#[multi_node::main(drain_timeout = "30")]
async fn main() {}
