//! A node that was killed, and which requests that may have cost.

use std::collections::BTreeSet;
use std::time::Instant;

use multi_node_tests::{Failure, eventually, process};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::family::soon;

/// A kill -9, with the connections that the node had at that moment, as the kernel knows them.
#[derive(Debug)]
pub struct Death {
    at: Instant,
    /// The ports at the clients' ends.
    clients: BTreeSet<u16>,
}

impl Death {
    /// Kills a node; `None` when it was gone already.
    ///
    /// It is stopped for the moment in which its connections are listed: what it could still
    /// accept between the list and the kill would be missing in it. Connections that queue at its
    /// socket or in its inbox are not in the list: those must not be lost.
    ///
    /// # Panics
    ///
    /// When it does not stop.
    #[track_caller]
    pub fn of(node: Pid) -> Option<Death> {
        signal(node, Signal::SIGSTOP)?;
        eventually(soon(), "a stopped node stands still", || {
            process::is_stopped(node) || !process::is_alive(node)
        });
        let clients = process::peers(node);
        let at = Instant::now();
        signal(node, Signal::SIGKILL)?;
        Some(Death { at, clients })
    }

    /// Whether the request was on one of the killed node's connections when it was killed.
    pub fn accounts_for(&self, failure: &Failure) -> bool {
        failure.dialled <= self.at
            && self.at <= failure.failed
            && self.clients.contains(&failure.port)
    }
}

/// Sends a signal; `None` when the process has gone.
///
/// # Panics
///
/// When the process is not ours.
#[track_caller]
pub fn signal(node: Pid, signal: Signal) -> Option<()> {
    match kill(node, signal) {
        Ok(()) => Some(()),
        Err(Errno::ESRCH) => None,
        Err(errno) => panic!("{node} cannot be signalled: {errno}"),
    }
}
