//! A program that talks with whoever started it.

use std::io;

use multi_node::Nodes;

use crate::lines::serve_lines;
use crate::words::{say, who};

/// Its master says again what is typed.
#[multi_node::main(port = 0, nodes = 2)]
pub(crate) async fn reads_terminal(nodes: Nodes) -> Result<(), String> {
    if nodes.is_master() {
        // Whoever reads may be stopped from then on.
        say(format_args!("reads {}", who(&nodes)));
        std::thread::spawn(|| {
            for line in io::stdin().lines().map_while(Result::ok) {
                say(format_args!("typed {line}"));
            }
        });
    }
    serve_lines(nodes).await
}
