#[multi_node::main(colour = "blue")]
async fn main() {}
