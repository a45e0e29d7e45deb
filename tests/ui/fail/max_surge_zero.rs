#[multi_node::main(max_surge = 0)]
async fn main() {}
