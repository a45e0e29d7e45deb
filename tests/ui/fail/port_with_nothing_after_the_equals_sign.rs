#[multi_node::main(port = , nodes = 4)]
async fn main() {}
