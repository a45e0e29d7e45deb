#[multi_node::main(master_listen = "no")]
async fn main() {}
