use std::time::Duration;

use multi_node::Nodes;

#[multi_node::main(
    port = 8080,
    host = "127.0.0.1",
    nodes = 4,
    master_listen = false,
    restart_children = false,
    backlog = 128,
    drain_timeout = "500ms",
    start_timeout = Duration::from_secs(5),
    flavor = "multi_thread",
    worker_threads = 2,
    crate = "multi_node",
)]
async fn serve(nodes: Nodes) {
    nodes.shutdown().await;
}

#[multi_node::main(listen = none, nodes = auto, flavor = "current_thread")]
async fn compute(nodes: Nodes) {
    nodes.shutdown().await;
}

#[multi_node::main(listen(
    http = "[::]:8080?v6only=true",
    admin = "127.0.0.1:9000",
    local = "unix:/run/app.sock?mode=0660",
))]
async fn on_many(nodes: Nodes) {
    nodes.shutdown().await;
}

#[multi_node::main(port = 0, nodes = 256usize, backlog = 1u32, drain_timeout = "1h")]
async fn at_the_limits(nodes: Nodes) {
    nodes.shutdown().await;
}

fn main() {
    let _: [fn(); 4] = [serve, compute, on_many, at_the_limits];
}
