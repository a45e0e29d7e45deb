#[multi_node::main(crate = "multi node")]
async fn main() {}
