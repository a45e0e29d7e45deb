#[multi_node::main(user = 1000)]
async fn main() {}
