use std::time::Duration;

use multi_node::Nodes;

#[multi_node::main(
    port = 8080,
    host = "127.0.0.1",
    nodes = 4,
    master_listen = false,
    restart_children = false,
    backlog = 128,
    ready = "explicit",
    start_timeout = Duration::from_secs(5),
    drain_delay = "5s",
    drain_grace = "200ms",
    drain_timeout = "500ms",
    max_surge = 1,
    hang_timeout = "10s",
    max_lifetime = "24h",
    max_connections = 1_000_000,
    max_memory = "512M",
    ring = "off",
    busy_poll = "20us",
    user = "www-data",
    group = "www-data",
    pid_file = "/run/app.pid",
    flavor = "multi_thread",
    worker_threads = 2,
    crate = "multi_node",
)]
async fn serve(nodes: Nodes) {
    nodes.ready();
    nodes.shutdown().await;
}

#[multi_node::main(listen = none, nodes = auto, flavor = "current_thread", hang_timeout = off)]
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

#[multi_node::main(
    ready = "implicit",
    drain_delay = "0s",
    drain_grace = "0ms",
    max_surge = 65535u16,
    max_connections = 18446744073709551615,
    max_memory = 1u64,
    user = "1000",
)]
async fn at_the_newer_limits(nodes: Nodes) {
    nodes.shutdown().await;
}

fn main() {
    let _: [fn(); 5] = [serve, compute, on_many, at_the_limits, at_the_newer_limits];
}
