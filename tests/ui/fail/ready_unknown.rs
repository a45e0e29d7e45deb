#[multi_node::main(ready = "late")]
async fn main(_: multi_node::Nodes) {}
