//! SIGTTIN and SIGTTOU: one node more, one node less, and no request lost.

mod places;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use multi_node_tests::{LineClient, Load, Running, Who, eventually, process};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::deployed::Deployed;
use crate::support::{
    freeze, notice, reach, refuses, reload, scenario, send, soon, wait_gone, workers,
};

#[test]
fn up_and_down_under_load_loses_no_request() {
    let program = scenario("http").env("MULTI_NODE_NODES", "2").start();
    program.wait_for_nodes(2);
    let load = Load::steady(program.addr(), 4, 4, 300);
    load.wait_for_ok(100, soon());
    for _ in 0..5 {
        let second = grow(&program, 2);
        let third = grow(&program, 3);
        load.wait_for_ok(50, soon());
        // The youngest goes first.
        shrink(&program, third);
        shrink(&program, second);
        load.wait_for_ok(50, soon());
    }
    let counts = load.stop_without_loss();
    assert!(counts.by_process.len() > 2, "those who came served too: {counts:?}");
    program.stop();
}

#[test]
fn the_last_node_that_serves_stays() {
    for (master_listens, processes) in [("true", 1), ("false", 2)] {
        let program = scenario("lines").env("MULTI_NODE_NODES", "1");
        let program = program.env("MULTI_NODE_MASTER_LISTEN", master_listens).start();
        let nodes = program.wait_for_nodes(processes);
        program.signal(Signal::SIGTTOU);
        notice(&program, &["number of nodes stays", "one is the least"]);
        let who = reach(&program, |_| true).who().expect("an answer");
        assert!(nodes.contains(&who), "nobody was replaced: {who:?}");
        program.stop();
    }
}

#[test]
fn two_hundred_and_fifty_six_nodes_are_the_most() {
    let program = scenario("lines").env("MULTI_NODE_NODES", "256").start();
    program.wait_for_ups(256);
    program.signal(Signal::SIGTTIN);
    notice(&program, &["number of nodes stays", "256 are the most"]);
    assert_eq!(program.others().len(), 255);
    program.stop();
}

#[test]
fn connections_that_queue_at_a_node_while_it_retires_are_served_by_the_others() {
    let program = scenario("lines").env("MULTI_NODE_NODES", "2").start();
    let nodes = program.wait_for_nodes(2);
    let youngest = grow(&program, 2);
    reach(&program, |who| who.pid == youngest.pid);
    // It can do nothing about what queues at its socket, whether it is told to leave or not.
    freeze(youngest.pid);
    let mut queued = connect(program.addr(), 60);
    program.signal(Signal::SIGTTOU);
    queued.extend(connect(program.addr(), 60));
    for client in &mut queued {
        assert!(nodes.contains(&client.who().expect("an answer")));
    }
    send(youngest.pid, Signal::SIGCONT);
    wait_gone(&program, youngest.pid);
    drop(queued);
    program.stop();
}

#[test]
fn what_connects_to_the_socket_of_a_retired_slot_does_not_wait() {
    /// Of 100 connections about every third is put at the retired slot's socket: were those late,
    /// then so would be the tenth slowest.
    const SLOWEST_BUT_NINE: usize = 90;
    /// Less than a sibling takes to be found stuck.
    const AT_ONCE: Duration = Duration::from_millis(15);
    let program = scenario("lines").env("MULTI_NODE_NODES", "2").start();
    program.wait_for_nodes(2);
    let sockets = process::listening(program.pid()).len();
    let youngest = grow(&program, 2);
    shrink(&program, youngest);
    assert_eq!(process::listening(program.pid()).len(), sockets + 1, "its socket is still there");
    let addr = program.addr();
    // A busy machine may spoil a round, but not all.
    eventually(soon(), "connections are served at once", || {
        let mut waits: Vec<Duration> = (0..100).map(|_| wait_of_one(addr)).collect();
        waits.sort_unstable();
        waits[SLOWEST_BUT_NINE] < AT_ONCE
    });
    program.stop();
}

#[test]
fn every_node_knows_how_many_there_are() {
    let program = scenario("lines").env("MULTI_NODE_NODES", "2").start();
    let mut nodes = program.wait_for_nodes(2);
    counts(&program, &nodes, 2);
    nodes.push(grow(&program, 2));
    counts(&program, &nodes, 3);
    nodes.push(grow(&program, 3));
    counts(&program, &nodes, 4);
    shrink(&program, nodes.pop().expect("it was added"));
    counts(&program, &nodes, 3);
    program.stop();
}

#[test]
fn the_count_of_the_operator_survives_reloads_and_wins_over_that_of_a_new_version() {
    let deployed = Deployed::new("nodes 2\n");
    let program = deployed.program("").start();
    program.wait_for_nodes(2);
    grow(&program, 2);
    assert_eq!(workers(&reload(&program, 1)).len(), 2);
    deployed.configure("nodes 5\n");
    let nodes = reload(&program, 2);
    assert_eq!(workers(&nodes).len(), 2, "three nodes, as the operator wants: {nodes:?}");
    eventually(soon(), "the old ones have gone", || program.others().len() == 2);
    // The youngest is who has the highest slot still.
    let youngest = nodes.iter().find(|who| who.slot == 2).expect("it was replaced");
    shrink(&program, *youngest);
    assert_eq!(workers(&reload(&program, 3)).len(), 1);
    program.stop();
}

#[test]
fn what_is_asked_for_in_a_reload_is_done_once_it_is_over() {
    let program = scenario("events").env("MULTI_NODE_NODES", "2").start();
    program.wait_for_nodes(2);
    program.signal(Signal::SIGHUP);
    program.wait_for_line("event reload generation=1");
    program.signal(Signal::SIGTTIN);
    let added = program.wait_for_node("one more", |who| who.slot == 2);
    assert_eq!(added.generation, 1);
    program.signal(Signal::SIGHUP);
    program.wait_for_line("event reload generation=2");
    program.signal(Signal::SIGTTOU);
    let youngest = program.wait_for_node("it is replaced", |who| who.slot == 2 && *who != added);
    wait_gone(&program, youngest.pid);
    eventually(soon(), "one worker is left", || program.others().len() == 1);
    program.wait_for_line("event scaled nodes=2");
    let lines = program.stop();
    let scaled = lines.iter().filter_map(|line| line.text.strip_prefix("event scaled "));
    assert_eq!(scaled.collect::<Vec<_>>(), ["nodes=3", "nodes=2"]);
}

#[test]
fn what_adds_up_to_nothing_in_a_reload_is_nothing() {
    let program = scenario("events").env("MULTI_NODE_NODES", "2").start();
    program.wait_for_nodes(2);
    // The reload is not over before the master has drained.
    let held = reach(&program, |who| who.pid == program.pid());
    program.signal(Signal::SIGHUP);
    program.wait_for_line("event reload generation=1");
    program.signal(Signal::SIGTTIN);
    program.signal(Signal::SIGTTOU);
    drop(held);
    program.wait_for_line("event reloaded generation=1");
    eventually(soon(), "one worker is left", || program.others().len() == 1);
    let lines = program.stop();
    assert!(!lines.iter().any(|line| line.text.contains("event scaled")), "{lines:?}");
}

#[test]
fn up_and_down_in_reloads_under_load_loses_no_request() {
    let program = scenario("http").env("MULTI_NODE_NODES", "2").start();
    program.wait_for_nodes(2);
    let load = Load::steady(program.addr(), 4, 4, 300);
    load.wait_for_ok(100, soon());
    for generation in 1..=5 {
        let change = if generation % 2 == 1 { Signal::SIGTTIN } else { Signal::SIGTTOU };
        let workers = if generation % 2 == 1 { 2 } else { 1 };
        program.signal(change);
        reload(&program, generation);
        eventually(soon(), "the count is right", || program.others().len() == workers);
        load.wait_for_ok(20, soon());
    }
    load.stop_without_loss();
    program.stop();
}

#[test]
fn a_worker_that_came_later_is_respawned_and_stopped_like_any() {
    let program = scenario("lines").env("MULTI_NODE_NODES", "1").start();
    program.wait_for_nodes(1);
    let added = grow(&program, 1);
    let next = crate::support::replace(&program, added);
    reach(&program, |who| who.pid == next.pid);
    program.signal(Signal::SIGTERM);
    refuses(&program);
    program.wait_exit();
    program.finish();
}

/// Adds a node, and waits until it serves in this slot.
#[track_caller]
fn grow(program: &Running, slot: usize) -> Who {
    let known = program.nodes();
    program.signal(Signal::SIGTTIN);
    program.wait_for_node(&format!("a node in slot {slot}"), |who| {
        who.slot == slot && !known.contains(who)
    })
}

/// Retires a node, which must be this one, and waits until its process is gone.
#[track_caller]
fn shrink(program: &Running, youngest: Who) {
    let before: Vec<Pid> = program.others().iter().map(|process| process.pid).collect();
    program.signal(Signal::SIGTTOU);
    wait_gone(program, youngest.pid);
    let mut left: Vec<Pid> = program.others().iter().map(|process| process.pid).collect();
    left.push(youngest.pid);
    left.sort_unstable();
    assert_eq!(left, before, "nobody else left");
}

/// Each of these nodes says, soon, that so many serve.
#[track_caller]
fn counts(program: &Running, nodes: &[Who], count: usize) {
    for who in nodes {
        let mut client = reach(program, |reached| reached.pid == who.pid);
        eventually(soon(), &format!("{who:?} counts {count}"), || {
            client.ask("count").expect("an answer") == count.to_string()
        });
    }
}

#[track_caller]
fn connect(addr: SocketAddr, count: usize) -> Vec<LineClient> {
    (0..count).map(|_| LineClient::connect(addr).expect("someone listens")).collect()
}

/// How long one connection takes from asking for it to its first answer.
#[track_caller]
fn wait_of_one(addr: SocketAddr) -> Duration {
    let asked = Instant::now();
    let mut client = LineClient::connect(addr).expect("someone listens");
    client.who().expect("an answer");
    asked.elapsed()
}
