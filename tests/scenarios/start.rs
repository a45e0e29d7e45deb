//! From exec to serving.

use std::collections::BTreeSet;

use multi_node_tests::{Exit, Running, process, stderr};

use crate::support::{notice, scenario};

#[test]
fn every_node_runs_main_and_knows_what_it_is() {
    let program = scenario("lines").start();
    let nodes = program.wait_for_nodes(4);
    let ids: BTreeSet<u64> = nodes.iter().map(|who| who.node).collect();
    let slots: BTreeSet<usize> = nodes.iter().map(|who| who.slot).collect();
    let pids: BTreeSet<_> = nodes.iter().map(|who| who.pid).collect();
    assert_eq!(ids, BTreeSet::from([0, 1, 2, 3]));
    assert_eq!(slots, BTreeSet::from([0, 1, 2, 3]));
    assert_eq!(pids.len(), 4);
    assert!(nodes.iter().all(|who| who.generation == 0));
    let master = nodes.iter().find(|who| who.slot == 0).expect("slot 0");
    assert_eq!((master.node, master.pid), (0, program.pid()));
    let addr = program.wait_for_ups(1)[0].field("addr").map(str::to_owned);
    for up in program.wait_for_ups(4) {
        assert_eq!(up.field("nodes"), Some("4"));
        assert_eq!(up.field("listens"), Some("true"));
        assert_eq!(up.field("addr"), addr.as_deref());
        let master = up.field("slot") == Some("0");
        assert_eq!(up.field("master"), Some(if master { "true" } else { "false" }));
    }
    program.stop();
}

#[test]
fn one_node_is_the_master_alone() {
    let program = scenario("lines").env("MULTI_NODE_NODES", "1").start();
    program.wait_for_nodes(1);
    assert_eq!(process::children(program.pid()), []);
    program.stop();
}

#[test]
fn workers_are_children_of_the_master_in_its_group() {
    let program = scenario("lines").start();
    let nodes = program.wait_for_nodes(4);
    for who in nodes.iter().filter(|who| who.slot != 0) {
        let worker = process::look_up(who.pid).expect("it lives");
        assert_eq!(worker.parent, program.pid());
        assert_eq!(worker.group, program.pid());
    }
    program.stop();
}

#[test]
fn ps_tells_master_and_workers_apart() {
    let program = scenario("lines").start();
    for who in program.wait_for_nodes(4) {
        let name = if who.slot == 0 { "master".to_owned() } else { who.slot.to_string() };
        let process = process::look_up(who.pid).expect("it lives");
        assert_eq!(process.comm, format!("program:{name}"));
    }
    program.stop();
}

#[test]
fn a_worker_that_exits_before_it_is_ready_ends_the_program_with_its_code() {
    let program = scenario("never-starts").arg("exit").start();
    never_started(program, "3");
}

#[test]
fn a_worker_whose_main_fails_before_it_is_ready_ends_the_program_with_the_reason() {
    let program = scenario("never-starts").arg("err").start();
    program.wait_for_line("no database");
    never_started(program, "1");
}

#[test]
fn a_worker_whose_main_returns_before_it_is_ready_ends_the_program() {
    let program = scenario("never-starts").arg("ok").start();
    never_started(program, "0");
}

#[test]
fn a_worker_that_panics_before_it_is_ready_ends_the_program() {
    let program = scenario("never-starts").arg("panic").may_panic().start();
    program.wait_for_line("no luck");
    never_started(program, "101");
}

/// The program ends by itself, fails, and says what ended its workers; nobody was tried for ever.
#[track_caller]
fn never_started(program: Running, code: &str) {
    notice(&program, &["slot", "pid", &format!("code {code}")]);
    let exit = program.wait_exit();
    assert!(matches!(exit, Exit::Code(code) if code != 0), "{exit:?}");
    let lines = program.finish();
    let reasons: Vec<&str> =
        stderr(&lines).into_iter().filter(|line| line.contains("the program ends")).collect();
    assert_eq!(reasons.len(), 1, "one line says why");
}

#[test]
fn a_worker_that_does_not_get_ready_in_time_is_killed_and_named() {
    let program = scenario("never-ready").env("MULTI_NODE_START_TIMEOUT", "200ms").start();
    let waiting = program.wait_for_line("waiting node=");
    let pid = waiting.field("pid").expect("a pid").to_owned();
    let line = notice(&program, &["slot 1", &pid, "200ms"]);
    assert_eq!(line.matches("ready").count(), 2, "said once, and what comes next: {line}");
    notice(&program, &["the program ends", "`accept`, `serve` or", "`nodes.ready()`"]);
    let exit = program.wait_exit();
    assert!(matches!(exit, Exit::Code(code) if code != 0), "{exit:?}");
    program.finish();
}
