#[multi_node::main(hang_timeout = 2 * 30)]
async fn main() {}
