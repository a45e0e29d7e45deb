#[multi_node::main(ready = "explicit")]
async fn main() {}
