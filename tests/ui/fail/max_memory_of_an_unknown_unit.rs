#[multi_node::main(max_memory = "512MB")]
async fn main() {}
