#[multi_node::main(port = 80)]
#[multi_node::main(port = 8080)]
async fn main(nodes: multi_node::Nodes) {
    nodes.shutdown().await;
}
