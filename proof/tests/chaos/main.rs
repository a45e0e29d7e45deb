//! Chaos: whatever happens to the program under load, no request is lost that was not on a node
//! when it was killed, and afterwards everything is as it was.
//!
//! `MULTI_NODE_CHAOS_SECONDS` says for how long (30 unless set), `MULTI_NODE_CHAOS_SEED` which way
//! (a new one each time unless set; it is printed). The same seed makes the same choices; when
//! each happens is up to the machine.

mod limits;

use std::fmt;
use std::net::TcpListener;
use std::str::FromStr;
use std::time::{Duration, Instant};

use limits::{Exhausted, Resource};
use multi_node_proof::{Broken, Death, Family, settled, signal, soon};
use multi_node_tests::{Deadline, Failure, Line, Load, Program, eventually, process};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getuid};

/// Nodes, the master among them.
const NODES: usize = 4;

/// Workers, however it is scaled.
const WORKERS: std::ops::RangeInclusive<usize> = 2..=6;

/// Fds that the master's node may have borrowed meanwhile: a listener and an inbox of each sibling
/// whose sibling had died.
const BORROWED: usize = 2 * *WORKERS.end();

/// Clients of each kind.
const CLIENTS: usize = 32;

/// Requests a second: what a busy machine answers in a build that is not optimized.
const RATE: u32 = 1_000;

/// Nobody's user: root's processes know no limit to their number.
const USER: u32 = 54_321;

#[derive(Debug, Clone, Copy)]
enum Misfortune {
    Kill,
    StopWorker,
    StopMaster,
    Reload,
    Upgrade,
    BrokenUpgrade,
    Scale,
    NoFilesForWorker,
    NoFilesForMaster,
    NoProcesses,
}

const MISFORTUNES: [Misfortune; 10] = [
    Misfortune::Kill,
    Misfortune::StopWorker,
    Misfortune::StopMaster,
    Misfortune::Reload,
    Misfortune::Upgrade,
    Misfortune::BrokenUpgrade,
    Misfortune::Scale,
    Misfortune::NoFilesForWorker,
    Misfortune::NoFilesForMaster,
    Misfortune::NoProcesses,
];

struct Chaos {
    /// What every time that is printed counts from.
    began: Instant,
    family: Family,
    load: Load,
    random: fastrand::Rng,
    deaths: Vec<Death>,
    /// What the master had open before, with nobody connected.
    fds: usize,
}

#[test]
fn whatever_happens_under_load_only_killed_nodes_lose_requests_and_nothing_is_left_behind() {
    let seed = setting("MULTI_NODE_CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..));
    let seconds = setting("MULTI_NODE_CHAOS_SECONDS").unwrap_or(30);
    println!("MULTI_NODE_CHAOS_SEED={seed} MULTI_NODE_CHAOS_SECONDS={seconds}");
    let mut chaos = Chaos::new(seed);
    let end = Deadline::after(Duration::from_secs(seconds));
    while !end.passed() {
        let misfortune = chaos.random.choice(MISFORTUNES).expect("there are some");
        chaos.say(&format_args!("{misfortune:?}"));
        chaos.befall(misfortune);
        chaos.a_while();
    }
    chaos.recover();
    chaos.end();
}

impl Chaos {
    fn new(seed: u64) -> Chaos {
        let began = Instant::now();
        let mut family = Family::start_as(NODES, as_nobody);
        let addr = family.addr();
        let load = || {
            let load = Load::steady(addr, CLIENTS, CLIENTS, RATE);
            load.wait_for_ok(1_000, soon());
            load
        };
        // What is made with the first connections and the first use of a slot is no leak.
        load().stop();
        family.scale(*WORKERS.end());
        family.scale(NODES - 1);
        let (fds, _) = settled(family.master());
        let random = fastrand::Rng::with_seed(seed);
        Chaos { began, load: load(), family, random, deaths: Vec::new(), fds }
    }

    fn say(&self, what: &dyn fmt::Display) {
        println!("{:8.3} s: {what}", self.began.elapsed().as_secs_f64());
    }

    /// Lets it happen; what it takes away is given back before this returns.
    fn befall(&mut self, misfortune: Misfortune) {
        match misfortune {
            Misfortune::Kill => self.kill(),
            Misfortune::StopWorker => {
                if let Some(worker) = self.worker() {
                    self.stop(worker);
                }
            }
            Misfortune::StopMaster => self.stop(self.family.master()),
            Misfortune::Reload => self.family.signal(Signal::SIGHUP),
            Misfortune::Upgrade => {
                self.family.deploy();
                self.family.signal(Signal::SIGHUP);
            }
            Misfortune::BrokenUpgrade => {
                let broken = self.random.choice(Broken::ALL).expect("there are some");
                self.family.sabotage(broken);
                self.family.signal(Signal::SIGHUP);
                self.a_while();
                self.family.repair();
            }
            Misfortune::Scale => self.scale(),
            Misfortune::NoFilesForWorker => {
                if let Some(worker) = self.worker() {
                    self.exhaust(worker, Resource::Files);
                }
            }
            Misfortune::NoFilesForMaster => {
                // Not between the rehearsal of a new master and its exec: there is no way back.
                self.settle();
                self.exhaust(self.family.master(), Resource::Files);
            }
            Misfortune::NoProcesses => {
                self.exhaust(self.family.master(), Resource::Processes);
            }
        }
    }

    fn kill(&mut self) {
        if let Some(worker) = self.worker() {
            self.say(&format_args!("kill -9 {worker}"));
            self.deaths.extend(Death::of(worker));
        }
    }

    /// A worker, if there is one: several may have died and wait for their backoff.
    fn worker(&mut self) -> Option<Pid> {
        self.random.choice(self.family.workers())
    }

    /// Stops a process for a while; meanwhile the others answer.
    fn stop(&mut self, pid: Pid) {
        if signal(pid, Signal::SIGSTOP).is_some() {
            self.a_while();
            signal(pid, Signal::SIGCONT);
        }
    }

    /// Adds or retires a worker. Signals that come together are one, so that all must have been
    /// done that was asked for before.
    fn scale(&mut self) {
        self.settle();
        let wanted = self.family.wanted();
        let grows = wanted == *WORKERS.start() || wanted < *WORKERS.end() && self.random.bool();
        if grows { self.family.grow() } else { self.family.shrink() }
    }

    /// Takes all of a resource from a process, kills a worker or asks for a reload in that, and
    /// gives it back.
    fn exhaust(&mut self, pid: Pid, resource: Resource) {
        let Some(exhausted) = Exhausted::new(pid, resource) else {
            return;
        };
        self.a_while();
        if self.random.bool() {
            self.kill()
        } else {
            self.family.signal(Signal::SIGHUP)
        }
        self.a_while();
        drop(exhausted);
    }

    /// Waits until some more requests were answered.
    fn a_while(&mut self) {
        self.load.wait_for_ok(self.random.usize(1..RATE as usize / 2), soon());
    }

    /// Waits until as many workers live as are wanted, and stay for some answers.
    fn settle(&mut self) {
        let mut since = None;
        eventually(soon(), "as many workers live as are wanted", || {
            let ok = self.load.counts().ok;
            if self.family.workers().len() != self.family.wanted() {
                since = None;
                return false;
            }
            ok > *since.get_or_insert(ok) + 200
        });
    }

    /// Brings back the count and the fds that it began with, by a change that must succeed.
    fn recover(&mut self) {
        self.settle();
        self.family.scale(NODES - 1);
        self.family.upgrade();
        self.settle();
    }

    /// Ends it and checks that nothing is left, and that nothing was lost.
    fn end(self) {
        let counts = self.load.stop();
        let addr = self.family.addr();
        let (fds, _) = settled(self.family.master());
        assert!(fds <= self.fds + BORROWED, "{fds} fds in the master, {} before", self.fds);
        let children = process::children(self.family.master());
        assert!(children.iter().all(|child| !child.is_zombie()), "{children:?}");
        let said = self.family.stop();
        TcpListener::bind(addr).expect("the port is free");
        let (killed, lost): (Vec<&Failure>, Vec<&Failure>) = counts
            .failures
            .iter()
            .partition(|failure| self.deaths.iter().any(|death| death.accounts_for(failure)));
        println!(
            "{} answered, the slowest in {:?}; {} in flight on {} killed nodes",
            counts.ok,
            counts.slowest,
            killed.len(),
            self.deaths.len()
        );
        for failure in &lost {
            tell(failure, self.began, &said);
        }
        assert!(lost.is_empty(), "{} requests lost", lost.len());
    }
}

fn as_nobody(program: Program) -> Program {
    if getuid().is_root() { program.user(USER) } else { program }
}

/// Prints a loss and what the program said around it.
fn tell(failure: &Failure, began: Instant, said: &[Line]) {
    const AROUND: Duration = Duration::from_secs(2);
    let dialled = failure.dialled.duration_since(began);
    let failed = failure.failed.duration_since(began);
    println!("{:?} of port {}, {dialled:.3?} to {failed:.3?}", failure.outcome, failure.port);
    for line in said.iter().filter(|line| line.at.abs_diff(failed) < AROUND) {
        println!("  {:8.3} s: {}", line.at.as_secs_f64(), line.text);
    }
}

fn setting<N: FromStr>(name: &str) -> Option<N> {
    let given = std::env::var(name).ok()?;
    Some(given.parse().unwrap_or_else(|_| panic!("{name}={given}: expected a number")))
}
