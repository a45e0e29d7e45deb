#[multi_node::main(worker_threads = 2)]
async fn main() {}
