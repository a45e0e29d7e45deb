#[multi_node::main]
async fn main(nodes: multi_node::Nodes, port: u16) {
    nodes.shutdown().await;
    println!("{port}");
}
