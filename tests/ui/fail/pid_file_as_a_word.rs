#[multi_node::main(pid_file = true)]
async fn main() {}
