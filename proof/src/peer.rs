//! Another server of the same shape: a master, its workers, and signals that change it.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use multi_node_proof::soon;
use multi_node_tests::{HttpClient, Program, Running, Scratch, eventually, process};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Its workers.
pub(crate) const WORKERS: usize = 4;

/// A server of somebody else's.
pub(crate) struct Peer {
    running: Running,
    pub(crate) addr: SocketAddr,
    /// Who is the master now.
    pub(crate) master: Pid,
    /// Its configuration and its files.
    pub(crate) scratch: Scratch,
}

impl Peer {
    /// Starts it and waits until it answers and all its workers are there.
    pub(crate) fn start(
        program: Program,
        port: u16,
        scratch: Scratch,
        master: impl FnOnce(&Running, &Scratch) -> Option<Pid>,
    ) -> Peer {
        let running = program.may_panic().start();
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        eventually(soon(), "it answers", || {
            HttpClient::connect(addr).and_then(|mut client| client.get_once("/")).is_ok()
        });
        let master = master(&running, &scratch).expect("it says who its master is");
        let peer = Peer { master, running, addr, scratch };
        eventually(soon(), "its workers are there", || peer.workers().len() == WORKERS);
        peer
    }

    /// The workers that live.
    pub(crate) fn workers(&self) -> BTreeSet<Pid> {
        self.children_of(self.master)
    }

    pub(crate) fn children_of(&self, master: Pid) -> BTreeSet<Pid> {
        let children = process::children(master);
        children.iter().filter(|child| !child.is_zombie()).map(|child| child.pid).collect()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.master, signal).expect("the master is there");
    }

    /// Asks for new workers and waits until the old ones have gone.
    pub(crate) fn reload(&self) {
        let old = self.workers();
        self.signal(Signal::SIGHUP);
        eventually(soon(), "every worker is replaced", || {
            let now = self.workers();
            now.len() == WORKERS && now.is_disjoint(&old)
        });
    }

    /// Ends it.
    pub(crate) fn end(self) {
        self.signal(Signal::SIGTERM);
        drop(self.running);
    }
}
