const PORT: &str = "8080";

#[multi_node::main(port = PORT)]
async fn main() {}
