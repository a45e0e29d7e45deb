#[multi_node::main(start_timeout = 60)]
async fn main() {}
