//! What the master decided once and every node is told: plain values, already checked.
//!
//! Nothing here reads the environment or the attribute; `builder` does, and ends with a [`Settings`].

mod address;

use std::fmt;
use std::num::ParseIntError;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use address::Addr;
pub(crate) use address::{
    ADDRESS, ADDRESS_WITH_OPTION, Address, Listen, MAIN, MAX_LISTENERS, abstract_name, is_name,
};

/// The most nodes a program may have.
pub(crate) const MAX_NODES: u16 = 256;

/// A node's number: unique in the life of a program, never used again.
///
/// The first master is 0; every process started after it takes the next number, and so does the
/// master when it replaces itself in a reload.
/// It travels in messages as it is, and its text form parses back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub(crate) u64);

impl NodeId {
    /// The master that the user started.
    pub(crate) const MASTER: NodeId = NodeId(0);
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for NodeId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(NodeId)
    }
}

/// A node's place: the master's is 0, the workers' are 1 and up. A successor keeps it.
pub(crate) type Slot = u16;

/// Counts reloads: 0 for what the master started first.
pub(crate) type Generation = u32;

/// Which runtime a node's `main` runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Flavor {
    /// One thread a node (the default): the nodes are the parallelism.
    CurrentThread,
    /// A thread pool in every node; `None` means one thread a CPU, as tokio counts them.
    MultiThread {
        /// Threads in the pool.
        worker_threads: Option<usize>,
    },
}

/// What makes a node ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Readiness {
    /// The first poll of `accept` or `serve`, or `into_std` and `into_tokio`.
    Implicit,
    /// `Nodes::ready` alone.
    Explicit,
}

/// Which links carry their bytes through shared memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RingUse {
    /// Those that are busy.
    #[default]
    Auto,
    /// All that have carried anything.
    On,
    /// None.
    Off,
}

/// How messages travel between nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Messaging {
    pub(crate) ring: RingUse,
    /// How long a node looks for more before it sleeps.
    pub(crate) busy_poll: Duration,
}

/// What a worker may come to before it is retired; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limits {
    pub(crate) lifetime: Option<Duration>,
    /// Connections accepted.
    pub(crate) connections: Option<u64>,
    /// Resident memory, in bytes.
    pub(crate) memory: Option<u64>,
}

/// Every option, evaluated and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Where to listen, under which names; none for `listen = none`.
    pub(crate) listen: Vec<Listen>,
    /// Nodes that serve, 1..=[`MAX_NODES`]; the master is one of them when it listens.
    pub(crate) nodes: u16,
    pub(crate) master_listen: bool,
    pub(crate) restart_children: bool,
    /// Connections the kernel queues for each node before it refuses more.
    pub(crate) backlog: u32,
    pub(crate) drain_timeout: Duration,
    /// How long a program that was told to stop goes on accepting, no longer ready.
    pub(crate) drain_delay: Duration,
    /// How long a node that drains answers on idle connections before it closes them.
    pub(crate) drain_grace: Duration,
    pub(crate) start_timeout: Duration,
    pub(crate) readiness: Readiness,
    /// How many successors a reload may start before it lets go of as many; `None`: all.
    pub(crate) max_surge: Option<u16>,
    /// A node whose runtime does not answer for so long is killed; `None`: never.
    pub(crate) hang_timeout: Option<Duration>,
    pub(crate) limits: Limits,
    pub(crate) messaging: Messaging,
    /// Whom every process becomes once the port is bound, by name or number.
    pub(crate) user: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) pid_file: Option<PathBuf>,
    pub(crate) flavor: Flavor,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            listen: vec![Listen { name: MAIN.to_owned(), address: Address::tcp("0.0.0.0", 80) }],
            nodes: 1,
            master_listen: true,
            restart_children: true,
            backlog: 4096,
            drain_timeout: Duration::from_secs(30),
            drain_delay: Duration::ZERO,
            drain_grace: Duration::from_secs(1),
            start_timeout: Duration::from_secs(60),
            readiness: Readiness::Implicit,
            max_surge: None,
            hang_timeout: Some(Duration::from_secs(60)),
            limits: Limits::default(),
            messaging: Messaging::default(),
            user: None,
            group: None,
            pid_file: None,
            flavor: Flavor::CurrentThread,
        }
    }
}

impl Settings {
    /// Whether there is anything to listen on.
    pub(crate) fn listens(&self) -> bool {
        !self.listen.is_empty()
    }

    /// The slots that accept connections.
    pub(crate) fn serving_slots(&self) -> std::ops::RangeInclusive<Slot> {
        if self.master_listen { 0..=self.nodes - 1 } else { 1..=self.nodes }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ExitStatus {
    /// It exited by itself, with this code.
    Code(i32),
    /// A signal ended it.
    Signal {
        /// Its number.
        signal: i32,
        /// Whether it left a core dump.
        core: bool,
    },
    /// Somebody else took the status.
    Unknown,
}
