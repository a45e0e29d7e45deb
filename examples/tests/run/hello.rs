//! `hello`: one line from one node or another, a death, and a reload.

use std::collections::{BTreeMap, BTreeSet};

use nix::sys::signal::Signal;

use crate::support::{Program, get, get_all, kill_process, word};

#[test]
fn hello_answers_from_several_nodes_and_replaces_one_that_was_killed() {
    let mut hello = Program::start("hello", &[]);
    let address = hello.address();

    let answers = get_all(address, 16);
    for answer in &answers {
        let (node, slot) = (word(answer, "node="), word(answer, "slot="));
        let pid = word(answer, "pid=");
        assert_eq!(*answer, format!("hello from node={node} slot={slot} pid={pid} generation=0\n"));
    }
    let pids: BTreeMap<_, _> =
        answers.iter().map(|a| (word(a, "slot="), word(a, "pid="))).collect();
    assert!(pids.len() > 1, "one node answered all: {answers:#?}");

    let (slot, pid) = pids.last_key_value().expect("there are several");
    kill_process(pid);
    let successor = hello.until("the slot answers again", || {
        let answer = get(address, "").body;
        (word(&answer, "slot=") == *slot && word(&answer, "pid=") != *pid).then_some(answer)
    });
    let node: u32 = word(&successor, "node=").parse().expect("a node's number");
    assert!(node > 3, "a number was used again: {successor}");
    hello.stop();
}

#[test]
fn hello_loses_no_request_when_sighup_replaces_its_workers() {
    let mut hello = Program::start("hello", &[]);
    let address = hello.address();
    hello.signal(Signal::SIGHUP);
    let mut replaced = BTreeSet::new();
    hello.until("all three workers are replaced", || {
        let answer = get(address, "").body;
        if word(&answer, "generation=") == "1" {
            replaced.insert(word(&answer, "slot=").to_owned());
        }
        (replaced.len() == 3).then_some(())
    });
    assert!(!replaced.contains("0"), "the master replaced itself: {replaced:?}");
    hello.stop();
}
