#[multi_node::main(drain_grace = 1)]
async fn main() {}
