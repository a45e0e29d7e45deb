//! multi-node with the handler that all servers here have: `node_http <answer>`.
//!
//! Port and nodes come from `MULTI_NODE_PORT` and `MULTI_NODE_NODES`.

use std::io;

use multi_node::Nodes;
use multi_node_benches::{Answer, Site, announce};

#[multi_node::main(port = 0)]
async fn main(nodes: Nodes) -> io::Result<()> {
    let answer = std::env::args().nth(1).unwrap_or_default();
    let answer: Answer = answer.parse().map_err(io::Error::other)?;
    announce(nodes.serve(Site(answer))).await
}
