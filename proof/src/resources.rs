//! What the master holds after few reloads and after many.

use std::fmt;

use multi_node_proof::{Family, settled};
use multi_node_tests::process;
use nix::unistd::Pid;

use crate::halves::repeat;

/// After how many reloads everything that is made once has been made.
const WARM: usize = 5;

/// Memory that the allocator's moods explain, of 100.
const LEEWAY: u64 = 5;

/// What a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holding {
    fds: usize,
    threads: u64,
    /// Resident, in KiB.
    memory: u64,
}

/// What the master held before and after.
#[derive(Debug)]
pub(crate) struct Growth {
    before: Holding,
    after: Holding,
}

/// Reloads a program so often.
pub(crate) fn after(times: usize) -> Growth {
    let family = Family::start(4);
    let holding = |times: usize| {
        repeat(times, |_| family.reload());
        Holding::settled(family.master())
    };
    let before = holding(WARM);
    let after = holding(times.saturating_sub(WARM));
    family.stop();
    Growth { before, after }
}

impl Holding {
    /// What the process holds once it has let go of what the last reload left.
    fn settled(pid: Pid) -> Holding {
        let (fds, threads) = settled(pid);
        Holding { fds, threads, memory: process::resident(pid) }
    }
}

impl Growth {
    /// Whether nothing has grown.
    pub(crate) fn is_none(&self) -> bool {
        self.after.fds == self.before.fds
            && self.after.threads == self.before.threads
            && self.after.memory * 100 <= self.before.memory * (100 + LEEWAY)
    }
}

impl fmt::Display for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fds, {} threads, {} KiB", self.fds, self.threads, self.memory)
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {WARM}, {} after all", self.before, self.after)
    }
}
