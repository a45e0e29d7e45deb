#[multi_node::main(nodes = "auto")]
async fn main() {}
