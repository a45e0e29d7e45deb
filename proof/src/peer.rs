//! Another server of the same shape: a master, its workers, and signals that change it.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use multi_node_proof::{Death, soon};
use multi_node_tests::{HttpClient, Load, Program, Running, Scratch, eventually, process};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::rows::Subject;

/// Its workers.
pub(crate) const WORKERS: usize = 4;

/// A server of somebody else's, and how it is changed.
pub(crate) struct Peer {
    running: Running,
    addr: SocketAddr,
    /// Who is the master now.
    pub(crate) master: Pid,
    /// Its configuration and its files.
    pub(crate) scratch: Scratch,
    change: fn(&mut Peer),
}

impl Peer {
    /// Starts it and waits until it answers and all its workers are there.
    pub(crate) fn start(
        program: Program,
        port: u16,
        scratch: Scratch,
        master: impl FnOnce(&Running, &Scratch) -> Option<Pid>,
        change: fn(&mut Peer),
    ) -> Box<dyn Subject> {
        let running = program.may_panic().start();
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        eventually(soon(), "it answers", || {
            HttpClient::connect(addr).and_then(|mut client| client.get_once("/")).is_ok()
        });
        let master = master(&running, &scratch).expect("it says who its master is");
        eventually(soon(), "its workers are there", || workers_of(master).len() == WORKERS);
        Box::new(Peer { running, addr, master, scratch, change })
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.master, signal).expect("the master is there");
    }

    /// Asks for new workers and waits until the old ones have gone.
    pub(crate) fn reload(&mut self) {
        let old = workers_of(self.master);
        self.signal(Signal::SIGHUP);
        eventually(soon(), "every worker is replaced", || {
            let now = workers_of(self.master);
            now.len() == WORKERS && now.is_disjoint(&old)
        });
    }
}

impl Subject for Peer {
    fn addr(&self) -> SocketAddr {
        self.addr
    }

    fn change(&mut self, _: &Load) -> Option<Death> {
        (self.change)(self);
        None
    }

    fn end(self: Box<Self>) {
        self.signal(Signal::SIGTERM);
        drop(self.running);
    }
}

/// The workers of a master that live.
pub(crate) fn workers_of(master: Pid) -> BTreeSet<Pid> {
    let children = process::children(master);
    children.iter().filter(|child| !child.is_zombie()).map(|child| child.pid).collect()
}
