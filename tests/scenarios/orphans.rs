//! The master killed: nobody holds the port, and every worker leaves.

use multi_node_tests::{Exit, LineClient, Running, unused_port};
use nix::sys::signal::Signal;

use crate::support::{reach, refuses, scenario, send, workers};

#[test]
fn workers_leave_when_the_master_is_killed() {
    let program = scenario("lines").start();
    program.wait_for_nodes(4);
    program.signal(Signal::SIGKILL);
    assert_eq!(program.wait_exit(), Exit::Signal(Signal::SIGKILL));
    program.finish();
}

#[test]
fn http_workers_leave_when_the_master_is_killed() {
    let program = scenario("http").start();
    program.wait_for_nodes(4);
    program.signal(Signal::SIGKILL);
    program.finish();
}

#[test]
fn orphans_refuse_new_connections_and_finish_the_open_ones() {
    let program = scenario("lines").start();
    let nodes = program.wait_for_nodes(4);
    let mut open: Vec<LineClient> = workers(&nodes)
        .iter()
        .map(|who| reach(&program, |reached| reached.pid == who.pid))
        .collect();
    program.signal(Signal::SIGKILL);
    refuses(&program);
    for client in &mut open {
        assert_eq!(client.ask("echo still-here").expect("an answer"), "still-here");
    }
    assert_eq!(program.others().len(), 3);
    drop(open);
    program.finish();
}

#[test]
fn orphans_leave_within_the_drain_timeout_even_with_connections_open() {
    let program = scenario("lines").env("MULTI_NODE_DRAIN_TIMEOUT", "300ms").start();
    let nodes = program.wait_for_nodes(4);
    let worker = workers(&nodes)[0];
    let _open = reach(&program, |who| who.pid == worker.pid);
    program.signal(Signal::SIGKILL);
    program.finish();
}

#[test]
fn a_blocked_orphan_frees_the_port_at_once_and_leaves_too() {
    let program = scenario("lines").env("MULTI_NODE_DRAIN_TIMEOUT", "1s").start();
    let nodes = program.wait_for_nodes(4);
    for worker in workers(&nodes) {
        let mut client = reach(&program, |who| who.pid == worker.pid);
        assert_eq!(client.ask("block").expect("an answer"), "blocking");
    }
    program.signal(Signal::SIGKILL);
    // Refused while they are all still blocked: nothing of the user's code runs any more.
    refuses(&program);
    program.finish();
}

#[test]
fn a_new_master_gets_the_port_at_the_moment_the_old_one_is_killed() {
    let port = unused_port().to_string();
    let old = scenario("lines").env("MULTI_NODE_PORT", &port).start();
    let nodes = old.wait_for_nodes(4);
    let mut open = reach(&old, |who| who.slot == 1);
    let mut blocked = reach(&old, |who| who.slot == 2);
    blocked.ask("block").expect("an answer");
    old.signal(Signal::SIGKILL);
    let new = scenario("lines").env("MULTI_NODE_PORT", &port).start();
    let successors = new.wait_for_nodes(4);
    // The old worker still serves what it has.
    assert_eq!(open.ask("echo still-here").expect("an answer"), "still-here");
    for who in successors {
        assert!(nodes.iter().all(|old| old.pid != who.pid));
        reach(&new, |reached| reached.pid == who.pid);
    }
    new.stop();
    end(old, [open, blocked]);
}

#[test]
fn a_stopped_orphan_leaves_once_it_goes_on() {
    let program = scenario("lines").env("MULTI_NODE_DRAIN_TIMEOUT", "300ms").start();
    let nodes = program.wait_for_nodes(4);
    let worker = workers(&nodes)[0];
    send(worker.pid, Signal::SIGSTOP);
    program.signal(Signal::SIGKILL);
    assert_eq!(program.wait_exit(), Exit::Signal(Signal::SIGKILL));
    send(worker.pid, Signal::SIGCONT);
    program.finish();
}

/// The connections close; the blocked worker is only killed, its patience being 30 s.
fn end(old: Running, open: [LineClient; 2]) {
    drop(open);
    drop(old);
}
