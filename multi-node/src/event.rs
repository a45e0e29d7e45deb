//! What happens to the program's processes, as the master's user code may hear of it.
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
        /// Reloads before it.
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
    /// A node's runtime did not answer within `hang_timeout`: a worker is killed and replaced.
    Hung {
        /// Which one; the master's own node is named but not killed.
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
    /// Every node runs the new generation.
    ReloadFinished {
        /// The generation that runs now.
        generation: u32,
        /// How long it took.
        took: Duration,
    },
    /// The reload was given up, and the old generation goes on.
    ReloadFailed {
        /// The generation that did not come to be.
        generation: u32,
        /// Why, in words.
        reason: String,
    },
    /// Another number of nodes serves from now on.
    Scaled {
        /// So many.
        nodes: usize,
    },
    /// The program stops.
    Stopping,
    /// Whoever listens did not keep up: the events that stood here are lost, the oldest first.
    Lagged {
        /// So many.
        missed: u64,
    },
}
