#[multi_node::main(max_lifetime = "1d")]
async fn main() {}
