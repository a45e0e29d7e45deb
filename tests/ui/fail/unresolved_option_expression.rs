#[multi_node::main(port = settings().port)]
async fn main() {}
