//! Fair accept: which node gets a connection.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread;

use multi_node_tests::{LineClient, Program, Running, Who};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::support::{replace, scenario, send, wait_gone, workers};

const CONNECTIONS: usize = 64;

#[test]
fn connections_that_come_one_by_one_are_spread_evenly() {
    let served = Served::start(scenario("lines"), 4);
    let held = served.connect(CONNECTIONS);
    assert_even(&held, 4);
    served.stop(held);
}

#[test]
fn connections_that_come_all_at_once_are_spread_evenly() {
    let served = Served::start(scenario("lines"), 4);
    let held = served.burst(CONNECTIONS);
    assert_even(&held, 4);
    served.stop(held);
}

#[test]
fn new_connections_go_to_the_node_that_lost_the_most() {
    let served = Served::start(scenario("lines"), 4);
    let held = served.connect(CONNECTIONS);
    let emptied = held[0].who;
    let (closing, mut held): (Vec<Held>, Vec<Held>) =
        held.into_iter().partition(|held| held.who.pid == emptied.pid);
    let closed = closing.len();
    served.close(closing);
    held.extend(served.connect(closed));
    assert_even(&held, 4);
    served.stop(held);
}

#[test]
fn without_the_master_the_workers_share_evenly() {
    let program =
        scenario("lines").env("MULTI_NODE_MASTER_LISTEN", "false").env("MULTI_NODE_NODES", "3");
    let served = Served::start(program, 4);
    let held = served.connect(CONNECTIONS);
    assert_even(&held, 3);
    served.stop(held);
}

#[test]
fn a_respawned_node_gets_its_share() {
    let served = Served::start(scenario("lines"), 4);
    let mut held = served.connect(CONNECTIONS / 2);
    let died = held.iter().find(|held| held.who.slot == 1).expect("even").who;
    let next = replace(&served.program, died);
    held.retain(|held| held.who.pid != died.pid);
    served.warm_up(&[next.pid]);
    held.extend(served.connect(CONNECTIONS - held.len()));
    assert_even(&held, 4);
    served.stop(held);
}

#[test]
fn after_the_count_changed_the_nodes_that_are_there_share_evenly() {
    let served = Served::start(scenario("lines"), 4);
    served.program.signal(Signal::SIGTTIN);
    let added = served.program.wait_for_node("one more", |who| who.slot == 4);
    served.warm_up(&[added.pid]);
    let held = served.connect(CONNECTIONS + 1);
    assert_even(&held, 5);
    served.close(held);
    served.program.signal(Signal::SIGTTOU);
    wait_gone(&served.program, added.pid);
    let held = served.connect(CONNECTIONS);
    assert_even(&held, 4);
    served.stop(held);
}

#[test]
fn a_stopped_worker_strands_nobody() {
    let served = Served::start(scenario("lines"), 4);
    let stopped = workers(&served.nodes)[1];
    send(stopped.pid, Signal::SIGSTOP);
    // About a quarter of them would wait for it until it goes on.
    let held = served.burst(200);
    assert!(held.iter().all(|held| held.who.pid != stopped.pid));
    send(stopped.pid, Signal::SIGCONT);
    served.warm_up(&[stopped.pid]);
    served.stop(held);
}

#[test]
fn a_blocked_worker_strands_nobody() {
    let served = Served::start(scenario("lines"), 4);
    let blocked = workers(&served.nodes)[1];
    let mut client = crate::support::reach(&served.program, |who| who.pid == blocked.pid);
    client.ask("block").expect("an answer");
    let held = served.burst(200);
    assert!(held.iter().all(|held| held.who.pid != blocked.pid));
    send(blocked.pid, Signal::SIGKILL);
    served.stop(held);
}

#[test]
fn with_all_workers_stopped_the_master_serves_all() {
    let served = Served::start(scenario("lines"), 4);
    let stopped = workers(&served.nodes);
    for worker in &stopped {
        send(worker.pid, Signal::SIGSTOP);
    }
    let held = served.burst(100);
    assert!(held.iter().all(|held| held.who.pid == served.program.pid()));
    for worker in &stopped {
        send(worker.pid, Signal::SIGCONT);
    }
    served.stop(held);
}

/// A connection that is open, and the node that serves it.
struct Held {
    who: Who,
    _client: LineClient,
}

/// A program whose nodes all accept, and which of its connections have closed.
struct Served {
    program: Running,
    addr: SocketAddr,
    nodes: Vec<Who>,
    closed: Cell<usize>,
}

impl Served {
    #[track_caller]
    fn start(program: Program, processes: usize) -> Served {
        let program = program.start();
        let nodes = program.wait_for_nodes(processes);
        let addr = program.addr();
        let served = Served { program, addr, nodes, closed: Cell::new(0) };
        let up = served.program.wait_for_ups(processes);
        let serving: Vec<Pid> = up
            .iter()
            .filter(|up| up.field("listens") == Some("true"))
            .filter_map(|up| Some(Who::parse(&up.text)?.pid))
            .collect();
        served.warm_up(&serving);
        served
    }

    /// Waits until each of these has accepted: `up` is said a moment before the first accept.
    #[track_caller]
    fn warm_up(&self, pids: &[Pid]) {
        let mut held: Vec<Held> = Vec::new();
        while !pids.iter().all(|pid| held.iter().any(|held| held.who.pid == *pid)) {
            assert!(!self.program.deadline().passed(), "some node never accepts");
            held.push(connect(self.addr));
        }
        self.close(held);
    }

    /// Connects one by one.
    #[track_caller]
    fn connect(&self, count: usize) -> Vec<Held> {
        (0..count).map(|_| connect(self.addr)).collect()
    }

    /// Connects with all at once, each on a thread of its own.
    #[track_caller]
    fn burst(&self, count: usize) -> Vec<Held> {
        let addr = self.addr;
        let clients: Vec<_> = (0..count).map(|_| thread::spawn(move || connect(addr))).collect();
        clients.into_iter().map(|client| client.join().expect("it was served")).collect()
    }

    /// Closes connections and waits until their nodes have let go of them.
    #[track_caller]
    fn close(&self, held: Vec<Held>) {
        self.closed.update(|closed| closed + held.len());
        drop(held);
        self.program.wait_for_lines("closed node=", self.closed.get());
    }

    #[track_caller]
    fn stop(self, held: Vec<Held>) {
        drop(held);
        self.program.stop();
    }
}

#[track_caller]
fn connect(addr: SocketAddr) -> Held {
    let mut client = LineClient::connect(addr).expect("someone listens");
    let who = client.who().expect("an answer");
    Held { who, _client: client }
}

/// Each of the nodes has its share, give or take one.
#[track_caller]
fn assert_even(held: &[Held], nodes: usize) {
    let mut share = BTreeMap::new();
    for held in held {
        *share.entry(held.who.slot).or_insert(0) += 1;
    }
    let (least, most) = (share.values().min(), share.values().max());
    assert_eq!(share.len(), nodes, "{share:?}");
    assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{share:?}");
}
