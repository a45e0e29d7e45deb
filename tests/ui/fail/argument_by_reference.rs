#[multi_node::main]
async fn main(nodes: &multi_node::Nodes) {
    nodes.shutdown().await;
}
