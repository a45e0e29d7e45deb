//! What happens to the program's processes, as the master's user code may hear of it, and who of
//! them is there, as every node may.
//!
//! Plain values: nothing here decides, and nothing waits for who listens.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{ExitStatus, NodeId};

/// Something that happened to the program's processes: what `Nodes::events` brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Event {
    /// A worker's process was started.
    Spawned {
        /// The new node.
        node: NodeId,
        /// Its place, 1 and up; 0 for a worker that stands in for the master in a reload.
        slot: usize,
        /// Which reload it came with; 0 for the start of the program.
        generation: u32,
        /// Its process.
        pid: u32,
    },
    /// A worker can serve.
    Ready {
        /// Which one.
        node: NodeId,
        /// Its place.
        slot: usize,
    },
    /// A worker's process is gone.
    Exited {
        /// Which one.
        node: NodeId,
        /// Its place.
        slot: usize,
        /// How it ended; `None` when it could not be started.
        status: Option<ExitStatus>,
    },
    /// A node's runtime did not answer within `hang_timeout`: a worker is ended and replaced.
    Hung {
        /// Which one; the master's own node is named and not ended.
        node: NodeId,
        /// Its place.
        slot: usize,
    },
    /// A worker has reached `max_lifetime`, `max_connections` or `max_memory` and is replaced.
    Retiring {
        /// Which one.
        node: NodeId,
        /// Its place.
        slot: usize,
        /// What it has reached, in words.
        reason: String,
    },
    /// A reload began.
    ReloadStarted {
        /// The generation that it starts.
        generation: u32,
    },
    /// The reload is over: the new generation serves. The next master's `main` hears it, since the
    /// one that heard of the beginning has ended.
    ReloadFinished {
        /// The generation that runs now.
        generation: u32,
        /// How long it took.
        took: Duration,
    },
    /// The reload was given up, and the old generation goes on, or the program stops.
    ReloadFailed {
        /// The generation that did not come to be.
        generation: u32,
        /// Why, in words.
        reason: String,
    },
    /// Another number of nodes is to serve from now on: an operator asked for it, or a new version's
    /// options did.
    Scaled {
        /// So many, the master included if it serves.
        nodes: usize,
    },
    /// The program was told to stop, or stops by itself; `drain_delay` is still to come.
    Stopping,
    /// Whoever listens did not keep up: the events that stood here are lost, the oldest first.
    Lagged {
        /// So many.
        missed: u64,
    },
}

/// A node came or went: what `Nodes::membership` brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum MembershipEvent {
    /// A node is there: its process was started. No message of it came before.
    Joined(NodeId),
    /// A node is gone for good. All that came from it has been given to the handlers' channels.
    Left {
        /// Which one.
        node: NodeId,
        /// How it left.
        why: Departure,
    },
    /// Whoever listens did not keep up: what stood here is lost, the oldest first.
    /// `Nodes::members` knows who is there now.
    Lagged {
        /// So many events.
        missed: u64,
    },
}

/// How a node left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Departure {
    /// It drained, because it was told to, and its `main` ended well: a reload, a smaller count, a
    /// limit that it reached, a SIGTERM, a stop.
    Drained,
    /// It ended by itself, or failed while it drained, with this exit code; `None` when nobody could
    /// learn it. Of the master's own node, whose process may go on: 0, or 1 when `main` failed.
    Exited(Option<i32>),
    /// This signal ended it.
    Killed(i32),
}
