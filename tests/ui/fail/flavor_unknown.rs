#[multi_node::main(flavor = "threaded")]
async fn main() {}
