//! `hello`: one line from one node or another, a death, and a reload.

use std::collections::{BTreeMap, BTreeSet};

use nix::sys::signal::Signal;

use crate::support::{Program, get, kill_process, word};

#[test]
fn hello_answers_from_several_nodes_and_replaces_one_that_was_killed() {
    let mut hello = Program::start("hello", &[]);
    let address = hello.address();

    let mut pids = BTreeMap::new();
    hello.until("all four nodes answered", || {
        let answer = get(address, "").body;
        let [node, slot, pid] = ["node=", "slot=", "pid="].map(|key| word(&answer, key));
        assert_eq!(answer, format!("hello from node={node} slot={slot} pid={pid} generation=0\n"));
        pids.insert(slot.to_owned(), pid.to_owned());
        (pids.len() == 4).then_some(())
    });
    assert_eq!(Vec::from_iter(pids.keys()), ["0", "1", "2", "3"]);

    kill_process(&pids["2"]);
    let successor = hello.until("the slot answers again", || {
        let answer = get(address, "").body;
        (word(&answer, "slot=") == "2" && word(&answer, "pid=") != pids["2"]).then_some(answer)
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
    hello.until("all four nodes are replaced", || {
        let answer = get(address, "").body;
        if word(&answer, "generation=") == "1" {
            replaced.insert(word(&answer, "slot=").to_owned());
        }
        (replaced.len() == 4).then_some(())
    });
    hello.stop();
}
