//! Nothing is leaked, however many workers come and go.

use std::collections::BTreeMap;

use multi_node_tests::{Running, eventually, process};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::messages::met;
use crate::support::{reload, scenario, send, settled, soon, successor, wait_gone, workers};

#[test]
fn fifty_deaths_leave_no_fd_behind() {
    let program = scenario("chat").env("MULTI_NODE_NODES", "11").start();
    let mut nodes = program.wait_for_nodes(11);
    met(&program, &nodes);
    let before = settled(&program, || kinds(program.pid()));
    for _ in 0..5 {
        for worker in workers(&nodes) {
            send(worker.pid, Signal::SIGKILL);
        }
        for who in nodes.iter_mut().filter(|who| who.slot != 0) {
            *who = successor(&program, *who);
        }
    }
    met(&program, &nodes);
    same_as(&program, &before);
    program.stop();
}

#[test]
fn twenty_reloads_leave_no_fd_behind() {
    let program = scenario("chat").start();
    let mut nodes = program.wait_for_nodes(4);
    met(&program, &nodes);
    let before = settled(&program, || kinds(program.pid()));
    for generation in 1..=20 {
        let old = nodes;
        nodes = reload(&program, generation);
        for worker in workers(&old) {
            wait_gone(&program, worker.pid);
        }
    }
    // Who stood in for the master has left, or is about to.
    nodes.retain(|who| who.slot != 0 || who.pid == program.pid());
    met(&program, &nodes);
    same_as(&program, &before);
    program.stop();
}

type Kinds = BTreeMap<String, usize>;

/// How many fds of each kind the process has.
fn kinds(pid: Pid) -> Kinds {
    let mut kinds = Kinds::new();
    for fd in process::fds(pid) {
        let name = fd.to_string_lossy().split(':').next().unwrap_or_default().to_owned();
        *kinds.entry(name).or_default() += 1;
    }
    kinds
}

/// Waits until the master has what it had before.
#[track_caller]
fn same_as(program: &Running, before: &Kinds) {
    let mut now = Kinds::new();
    let same = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually(soon(), "the fds are as they were", || {
            now = kinds(program.pid());
            now == *before
        });
    }));
    assert!(same.is_ok(), "before: {before:?}\nnow: {now:?}");
}
