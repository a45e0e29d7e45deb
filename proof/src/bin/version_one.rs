//! The program, first version.

use std::io;

use multi_node::Nodes;

#[multi_node::main(port = 0, nodes = 4)]
async fn main(nodes: Nodes) -> io::Result<()> {
    multi_node_proof::site::serve(nodes, "one").await
}
