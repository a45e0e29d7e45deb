//! One port, four processes: the smallest web server.
//!
//! Shows:  `#[multi_node::main]` and `nodes.serve`, which takes an axum `Router`.
//! Run:    cargo run --example hello
//! Try:    curl http://127.0.0.1:8080 several times; then `kill -9` one of the pids that answered,
//!         and ask again. `kill -HUP` of the first process replaces them all.
//! Expect: one line an answer, from one node or another; the one that you killed is replaced by a
//!         node with a new number in the same slot:
//!
//!         hello from node=2 slot=2 pid=4242 generation=0

use std::io;
use std::process;

use axum::Router;
use axum::routing::get;
use multi_node::Nodes;

#[multi_node::main(port = 8080, nodes = 4)]
async fn main(nodes: Nodes) -> io::Result<()> {
    let hello = format!(
        "hello from node={} slot={} pid={} generation={}\n",
        nodes.id(),
        nodes.slot(),
        process::id(),
        nodes.generation(),
    );
    if nodes.is_master()
        && let Some(address) = nodes.local_addr()
    {
        println!("listening on http://{address}");
    }
    let app = Router::new().route("/", get(async move || hello));
    nodes.serve(app).await
}
