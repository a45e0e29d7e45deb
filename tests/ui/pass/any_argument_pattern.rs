use multi_node::Nodes as Cluster;

type Alias = multi_node::Nodes;

#[multi_node::main]
async fn underscore(_: multi_node::Nodes) {}

#[multi_node::main]
async fn mutable(mut nodes: Cluster) {
    let other = nodes;
    nodes = other;
    nodes.shutdown().await;
}

#[multi_node::main()]
async fn bound(nodes @ _: Alias) {
    nodes.shutdown().await;
}

#[multi_node::main]
async fn attributed(#[allow(unused_variables)] nodes: multi_node::Nodes) {}

fn main() {
    let _: [fn(); 4] = [underscore, mutable, bound, attributed];
}
