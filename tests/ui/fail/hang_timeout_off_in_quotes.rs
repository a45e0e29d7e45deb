#[multi_node::main(hang_timeout = "off")]
async fn main() {}
