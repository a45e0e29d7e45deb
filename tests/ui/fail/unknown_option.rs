#[multi_node::main(prot = 8080)]
async fn main(nodes: multi_node::Nodes) {
    nodes.shutdown().await;
}
