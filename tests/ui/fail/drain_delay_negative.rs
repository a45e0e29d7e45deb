#[multi_node::main(drain_delay = -5)]
async fn main() {}
