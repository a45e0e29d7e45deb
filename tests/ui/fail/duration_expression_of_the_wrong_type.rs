#[multi_node::main(start_timeout = 2 * 30u64)]
async fn main() {}
