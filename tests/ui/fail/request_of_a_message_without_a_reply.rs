#[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
struct Ping;

async fn ask(nodes: multi_node::Nodes, node: multi_node::NodeId) {
    let _ = nodes.request(node, &Ping).await;
}

fn main() {}
