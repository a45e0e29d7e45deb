#[multi_node::main(
    port = "8080",
    nodes = 0,
    master_listen,
    drain_timeout = "soon",
    threads = 2,
    backlog = 0, backlog = 1,
    ready = explicit, hang_timeout = "0s", max_memory = "1TB",
)]
async unsafe fn main(nodes: &multi_node::Nodes, port: u16) {
    nodes.shutdown().await;
}
