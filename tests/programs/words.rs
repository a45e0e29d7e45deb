//! What programs print and answer with.

use std::fs;
use std::io::{self, Write};

use multi_node::Nodes;

/// The argument at `index`, or nothing.
pub(crate) fn argument(index: usize) -> String {
    std::env::args().nth(index).unwrap_or_default()
}

/// Prints a line in one write, so that the lines of many processes do not mix.
pub(crate) fn say(line: impl std::fmt::Display) {
    // A test that ended no longer reads.
    let _ = io::stdout().lock().write_all(format!("{line}\n").as_bytes());
}

/// Which node this is.
pub(crate) fn who(nodes: &Nodes) -> String {
    format!(
        "node={} slot={} generation={} pid={}",
        nodes.id(),
        nodes.slot(),
        nodes.generation(),
        std::process::id()
    )
}

/// Says that this node is about to serve, and all that it knows of itself.
pub(crate) fn up(nodes: &Nodes) {
    let addr = nodes.local_addr().map_or_else(|| "none".to_owned(), |addr| addr.to_string());
    let image = fs::read_link("/proc/self/exe").unwrap_or_default();
    say(format_args!(
        "up {} addr={addr} nodes={} listens={} master={} image={}",
        who(nodes),
        nodes.len(),
        nodes.listens(),
        nodes.is_master(),
        image.display(),
    ));
}
