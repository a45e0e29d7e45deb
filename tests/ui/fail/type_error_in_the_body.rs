use multi_node::Nodes;

#[multi_node::main(port = 8080)]
async fn main(nodes: Nodes) {
    nodes.shutdown().await;
    let count: u8 = "one";
}
