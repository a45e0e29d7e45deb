//! A version of the program that waits for ever before it serves.

use std::future::pending;
use std::io;

use multi_node::Nodes;

#[multi_node::main(port = 0, nodes = 4)]
async fn main(nodes: Nodes) -> io::Result<()> {
    pending::<()>().await;
    multi_node_proof::site::serve(nodes, "broken").await
}
