//! Whom the processes are.

use std::fs;

use multi_node::Nodes;
use nix::sys::prctl;
use nix::unistd::{Uid, setuid};

use crate::lines::serve_lines;
use crate::words::{say, who};

/// Every node says first of all what the kernel knows of it, and whether it can become root.
#[multi_node::main(port = 0, nodes = 3)]
pub(crate) async fn identity(nodes: Nodes) -> Result<(), String> {
    let status = fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let words: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
        words.join(",")
    };
    say(format_args!(
        "identity {} uid={} gid={} groups={} capabilities={} dumpable={} returns={}",
        who(&nodes),
        field("Uid:"),
        field("Gid:"),
        field("Groups:"),
        field("CapPrm:"),
        prctl::get_dumpable().is_ok_and(|dumpable| dumpable),
        setuid(Uid::from_raw(0)).is_ok(),
    ));
    serve_lines(nodes).await
}
