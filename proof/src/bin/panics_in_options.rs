//! A version of the program whose options cannot be evaluated.

use std::io;

use multi_node::Nodes;

fn nodes_from_a_lost_file() -> usize {
    panic!("the file that says how many nodes is gone")
}

#[multi_node::main(port = 0, nodes = nodes_from_a_lost_file())]
async fn main(nodes: Nodes) -> io::Result<()> {
    multi_node_proof::site::serve(nodes, "broken").await
}
