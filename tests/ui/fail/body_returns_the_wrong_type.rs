use multi_node::Nodes;

#[multi_node::main(port = 8080)]
async fn main(nodes: Nodes) -> std::io::Result<()> {
    nodes.shutdown().await;
}
