#[multi_node::main(port = 8080i32)]
async fn main() {}
