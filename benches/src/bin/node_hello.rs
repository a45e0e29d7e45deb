//! multi-node with an axum `Router`, as the example `hello` has it.

use std::io;
use std::process;

use axum::Router;
use axum::routing::get;
use multi_node::Nodes;
use multi_node_benches::announce;

#[multi_node::main(port = 0)]
async fn main(nodes: Nodes) -> io::Result<()> {
    let line = format!(
        "hello from node={} pid={} generation={}\n",
        nodes.id(),
        process::id(),
        nodes.generation()
    );
    let app = Router::new().route("/", get(move || async move { line.clone() }));
    announce(nodes.serve(app)).await
}
