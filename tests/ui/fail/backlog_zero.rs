#[multi_node::main(backlog = 0)]
async fn main() {}
