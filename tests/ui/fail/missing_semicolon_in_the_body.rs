use multi_node::Nodes;

#[multi_node::main(port = 8080)]
async fn main(nodes: Nodes) {
    let one = 1
    let two = 2;
    nodes.shutdown().await;
}
