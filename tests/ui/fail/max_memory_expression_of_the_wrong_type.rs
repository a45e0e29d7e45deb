#[multi_node::main(max_memory = 1.5 * 1024.0)]
async fn main() {}
