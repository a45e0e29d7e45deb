#[multi_node::main(user = "www-data", group = "")]
async fn main() {}
