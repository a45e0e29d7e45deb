#[multi_node::main(listen = "0.0.0.0:80")]
async fn main() {}
