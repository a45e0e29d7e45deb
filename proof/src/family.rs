//! The program under proof, running: changed from outside, by signals and files alone.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use multi_node_tests::{
    Counts, Deadline, Exit, Line, Program, Running, Scratch, eventually, process,
};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::install::{Broken, Version};

/// How long a family may live: longer than any proof.
const LIFE: Duration = Duration::from_secs(24 * 3_600);

/// A deadline for one change, on a machine that may be busy.
pub fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

/// How many fds and threads a process has once that has not changed for a number of looks.
///
/// # Panics
///
/// When it goes on changing.
#[track_caller]
pub fn settled(pid: Pid) -> (usize, u64) {
    const LOOKS: usize = 50;
    let mut last = (0, 0);
    let mut same = 0;
    eventually(soon(), "its fds and threads settle", || {
        let now = (process::fds(pid).len(), process::threads(pid));
        same = if now == last { same + 1 } else { 0 };
        last = now;
        same == LOOKS
    });
    last
}

/// A master that listens, and its workers.
#[derive(Debug)]
pub struct Family {
    running: Running,
    addr: SocketAddr,
    path: PathBuf,
    scratch: Scratch,
    version: Version,
    workers: usize,
}

impl Family {
    /// Starts version one with so many nodes, the master among them, and waits until all serve.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[track_caller]
    pub fn start(nodes: usize) -> Family {
        Family::start_as(nodes, |program| program)
    }

    /// Starts as [`Family::start`] does, after `tailor` has set what is special about it.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[track_caller]
    pub fn start_as(nodes: usize, tailor: impl FnOnce(Program) -> Program) -> Family {
        let scratch = Scratch::new();
        let path = scratch.path().join("program");
        Version::One.install(&scratch, &path);
        let program = Program::new(&path)
            .env("MULTI_NODE_NODES", nodes.to_string())
            .env("MULTI_NODE_START_TIMEOUT", "1s")
            .may_panic()
            .deadline(LIFE);
        let running = tailor(program).start();
        running.wait_for_nodes(nodes);
        let addr = running.addr();
        Family { running, addr, path, scratch, version: Version::One, workers: nodes - 1 }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The process that was started.
    pub fn master(&self) -> Pid {
        self.running.pid()
    }

    /// How many workers there are to be.
    pub fn wanted(&self) -> usize {
        self.workers
    }

    /// The workers that live, those that drain included; who stands in for the master is none.
    pub fn workers(&self) -> BTreeSet<Pid> {
        let mut children = process::children(self.master());
        children.retain(|child| !child.is_zombie() && !child.comm.ends_with(STANDS_IN));
        children.iter().map(|child| child.pid).collect()
    }

    /// Reloads the version that is there and waits until every node is a new one.
    ///
    /// # Panics
    ///
    /// When that does not happen.
    #[track_caller]
    pub fn reload(&self) {
        let old = self.workers();
        let masters = self.masters();
        self.running.signal(Signal::SIGHUP);
        eventually(soon(), "every node is replaced", || self.is_replaced(&old, masters));
    }

    /// Installs the other version and reloads.
    ///
    /// # Panics
    ///
    /// When not every node is replaced.
    #[track_caller]
    pub fn upgrade(&mut self) {
        self.deploy();
        self.reload();
    }

    /// Installs what cannot serve, asks for a reload, waits until it has failed, and installs
    /// what was there before.
    ///
    /// # Panics
    ///
    /// When a node is replaced, or nobody says that the reload failed.
    #[track_caller]
    pub fn upgrade_to(&self, broken: Broken) {
        self.sabotage(broken);
        let old = self.workers();
        let failed = self.failed_reloads();
        self.running.signal(Signal::SIGHUP);
        let mut workers = old.clone();
        eventually(soon(), "a reload that cannot succeed has failed", || {
            workers = self.workers();
            workers.is_disjoint(&old) || (self.failed_reloads() > failed && workers == old)
        });
        assert_eq!(workers, old, "{broken:?} took the place of the program");
        self.repair();
    }

    /// Puts at the program's path what cannot serve.
    pub fn sabotage(&self, broken: Broken) {
        broken.install(&self.scratch, &self.path);
    }

    /// Puts the version that is to serve at the program's path.
    pub fn repair(&self) {
        self.version.install(&self.scratch, &self.path);
    }

    /// Puts the other version at the program's path: it is to serve from the next reload on.
    pub fn deploy(&mut self) {
        self.version = self.version.other();
        self.repair();
    }

    /// Adds a worker and waits until it serves.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[track_caller]
    pub fn grow(&mut self) {
        let ups = self.ups();
        self.workers += 1;
        self.running.signal(Signal::SIGTTIN);
        eventually(soon(), "there is one worker more", || {
            self.workers().len() == self.workers && self.ups() > ups
        });
    }

    /// Retires a worker and waits until it has gone.
    ///
    /// # Panics
    ///
    /// When it does not go.
    #[track_caller]
    pub fn shrink(&mut self) {
        self.workers -= 1;
        self.running.signal(Signal::SIGTTOU);
        eventually(soon(), "there is one worker less", || self.workers().len() == self.workers);
    }

    /// Adds or retires workers, one by one, until there are so many.
    ///
    /// # Panics
    ///
    /// As [`Family::grow`] and [`Family::shrink`].
    #[track_caller]
    pub fn scale(&mut self, workers: usize) {
        while self.workers < workers {
            self.grow();
        }
        while self.workers > workers {
            self.shrink();
        }
    }

    /// Sends a signal to the master.
    pub fn signal(&self, signal: Signal) {
        self.running.signal(signal);
    }

    /// Whether everything that was asked since `since` was answered by the version installed.
    pub fn is_of_one_version(&self, counts: &Counts, since: Instant) -> bool {
        let mut answers = counts.last_asked.iter().filter(|(_, asked)| **asked > since);
        answers.all(|(words, _)| words.contains(self.version.word()))
    }

    /// Ends it with SIGTERM and checks that nothing is left: no process, no listening socket.
    /// Returns all that it printed.
    ///
    /// # Panics
    ///
    /// When it does not end well, or something is left.
    #[track_caller]
    pub fn stop(self) -> Vec<Line> {
        self.running.stop()
    }

    /// Waits for the end that somebody asked for and checks that nothing is left.
    ///
    /// # Panics
    ///
    /// When it does not end well, or something is left.
    #[track_caller]
    pub fn ended(self) {
        assert_eq!(self.running.wait_exit(), Exit::Code(0), "a stop by signal is a success");
        self.running.finish();
    }

    fn is_replaced(&self, old: &BTreeSet<Pid>, masters: usize) -> bool {
        let now = self.workers();
        now.len() == self.workers && now.is_disjoint(old) && self.masters() > masters
    }

    /// How often a master's node has said that it serves.
    fn masters(&self) -> usize {
        let pid = format!(" pid={} ", self.master());
        self.count(|line| line.starts_with("up ") && line.contains(&pid))
    }

    /// How often a node has said that it serves.
    fn ups(&self) -> usize {
        self.count(|line| line.starts_with("up "))
    }

    fn failed_reloads(&self) -> usize {
        self.count(|line| {
            line.starts_with("multi-node[") && line.contains("reload") && line.contains("failed")
        })
    }

    fn count(&self, wanted: impl Fn(&str) -> bool) -> usize {
        self.running.lines().iter().filter(|line| wanted(&line.text)).count()
    }
}

/// How the name of a process ends that stands in for the master: in a reload, and after one whose
/// last step failed until the next.
const STANDS_IN: &str = ":0";
