#[multi_node::main]
async fn main<T: Default>(nodes: multi_node::Nodes) -> T {
    nodes.shutdown().await;
    T::default()
}
