#[multi_node::main(hang_timeout = "0s")]
async fn main() {}
