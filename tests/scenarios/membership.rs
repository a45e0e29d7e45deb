//! Who is there, as every node hears of it.

use std::collections::BTreeSet;

use multi_node_tests::{LineClient, Running, Who, eventually};
use nix::sys::signal::Signal;

use crate::support::{reach, reload, replace, scenario, send, soon, successor, workers};

#[test]
fn every_node_hears_of_every_node_and_of_itself() {
    let (program, nodes) = introduced();
    for of in &nodes {
        for other in &nodes {
            hears(&program, *of, &format!("joined={}", other.node));
        }
    }
    program.stop();
}

#[test]
fn a_killed_node_is_left_with_its_signal_and_its_successor_joins() {
    let (program, nodes) = introduced();
    let killed = workers(&nodes)[0];
    let next = replace(&program, killed);
    let others = without(nodes, killed);
    for of in &others {
        hears(&program, *of, &format!("left={} killed 9", killed.node));
        hears(&program, *of, &format!("joined={}", next.node));
    }
    agree(&program, &[others, vec![next]].concat());
    program.stop();
}

#[test]
fn a_node_that_exits_by_itself_is_left_with_its_code() {
    let (program, nodes) = introduced();
    let exits = workers(&nodes)[1];
    let mut client = to(&program, exits);
    // It has no time to answer.
    let _ = client.ask("exit 7");
    let next = successor(&program, exits);
    let others = without(nodes, exits);
    for of in &others {
        hears(&program, *of, &format!("left={} exited Some(7)", exits.node));
    }
    agree(&program, &[others, vec![next]].concat());
    program.stop();
}

#[test]
fn a_node_that_is_told_to_leave_drains() {
    let (program, nodes) = introduced();
    let leaves = workers(&nodes)[0];
    send(leaves.pid, Signal::SIGTERM);
    let next = successor(&program, leaves);
    let others = without(nodes, leaves);
    for of in &others {
        hears(&program, *of, &format!("left={} drained", leaves.node));
    }
    agree(&program, &[others, vec![next]].concat());
    program.stop();
}

#[test]
fn in_a_reload_every_old_node_drains_the_masters_own_too() {
    let (program, old) = introduced();
    let new = reload(&program, 1);
    // They were there before the old ones were told to leave.
    for of in workers(&new) {
        for gone in &old {
            hears(&program, of, &format!("left={} drained", gone.node));
        }
    }
    let stays: Vec<Who> = {
        let master = new.iter().copied().find(|who| who.pid == program.pid());
        workers(&new).into_iter().chain(master).collect()
    };
    agree(&program, &stays);
    program.stop();
}

#[test]
fn a_worker_that_was_stopped_hears_later_what_it_missed_and_holds_up_nobody() {
    let (program, nodes) = introduced();
    let (stopped, mut other) = (workers(&nodes)[0], workers(&nodes)[1]);
    send(stopped.pid, Signal::SIGSTOP);
    let master = nodes.iter().copied().find(|who| who.slot == 0).expect("one");
    for _ in 0..2 {
        let next = replace(&program, other);
        hears(&program, master, &format!("left={} killed 9", other.node));
        other = next;
    }
    send(stopped.pid, Signal::SIGCONT);
    agree(&program, &[master, stopped, other]);
    program.stop();
}

/// The program, once its three nodes know each other.
#[track_caller]
fn introduced() -> (Running, Vec<Who>) {
    let program = scenario("membership").start();
    let nodes = program.wait_for_nodes(3);
    agree(&program, &nodes);
    (program, nodes)
}

fn without(mut nodes: Vec<Who>, gone: Who) -> Vec<Who> {
    nodes.retain(|who| *who != gone);
    nodes
}

/// Waits until a node has said that it heard this.
#[track_caller]
fn hears(program: &Running, of: Who, words: &str) {
    let line = format!("of={} {words}", of.node);
    program.wait_for(&line, |said| (said.text == line).then_some(()));
}

/// Waits until each of these nodes knows that they are there, and nobody else.
#[track_caller]
fn agree(program: &Running, nodes: &[Who]) {
    let there: BTreeSet<u64> = nodes.iter().map(|who| who.node).collect();
    eventually(soon(), &format!("all of {there:?} know of each other alone"), || {
        nodes.iter().all(|of| knows(program, *of).as_ref() == Some(&there))
    });
}

/// The nodes that were there when a node heard of somebody last.
fn knows(program: &Running, of: Who) -> Option<BTreeSet<u64>> {
    let says = format!("of={} there=", of.node);
    let lines = program.lines();
    let last = lines.iter().filter_map(|line| line.text.strip_prefix(&says)).next_back()?;
    last.split(',').map(|node| node.parse().ok()).collect()
}

fn to(program: &Running, who: Who) -> LineClient {
    reach(program, |answer| answer.node == who.node)
}
