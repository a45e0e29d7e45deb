#[multi_node::main]
#[tokio::main]
async fn main(nodes: multi_node::Nodes) {
    nodes.shutdown().await;
}
