//! Which node spoke: the words that test programs print and answer with.

use nix::unistd::Pid;

use super::output::field;

/// A node as it describes itself: `node=<id> slot=<slot> pid=<pid> generation=<g>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Who {
    /// Its `NodeId`.
    pub node: u64,
    /// Its slot; the master's is 0.
    pub slot: usize,
    /// Its generation.
    pub generation: u32,
    /// Its process.
    pub pid: Pid,
}

impl Who {
    /// Finds the words in `text`; `None` when one is missing or no number.
    pub fn parse(text: &str) -> Option<Who> {
        Some(Who {
            node: field(text, "node")?.parse().ok()?,
            slot: field(text, "slot")?.parse().ok()?,
            generation: field(text, "generation")?.parse().ok()?,
            pid: Pid::from_raw(field(text, "pid")?.parse().ok()?),
        })
    }
}
