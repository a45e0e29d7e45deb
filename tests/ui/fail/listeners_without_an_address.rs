#[multi_node::main(listen(http = "80", admin, http = "0.0.0.0:80"))]
async fn main() {}
