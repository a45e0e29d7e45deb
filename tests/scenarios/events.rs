//! What the master's user code hears of the program's processes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use multi_node_tests::{Line, Program, Running, Scratch, Who, eventually};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::support::{PROGRAM, reload, replace, scenario, soon, workers};

#[test]
fn who_listens_from_the_first_line_of_main_hears_of_every_worker_once() {
    let program = scenario("events").start();
    let nodes = program.wait_for_nodes(3);
    for worker in workers(&nodes) {
        let Who { node, slot, pid, .. } = worker;
        hears(&program, &format!("event spawned node={node} slot={slot} generation=0 pid={pid}"));
        hears(&program, &format!("event ready node={node} slot={slot}"));
    }
    let lines = program.stop();
    assert_eq!(count(&lines, "event spawned "), 2);
    assert_eq!(count(&lines, "event ready "), 2);
}

#[test]
fn a_death_and_its_successor_are_heard_in_that_order_and_only_in_the_master() {
    let program = scenario("events").start();
    let worker = workers(&program.wait_for_nodes(3))[0];
    let successor = replace(&program, worker);
    let Who { node, slot, .. } = worker;
    let status = "Some(Signal { signal: 9, core: false })";
    let expected = [
        format!("event exited node={node} slot={slot} status={status}"),
        format!(
            "event spawned node={} slot={slot} generation=0 pid={}",
            successor.node, successor.pid
        ),
        format!("event ready node={} slot={slot}", successor.node),
    ];
    hears(&program, &expected[2]);
    let lines = program.stop();
    let heard: Vec<&str> = lines
        .iter()
        .map(|line| line.text.as_str())
        .filter(|text| expected.iter().any(|expected| text == expected))
        .collect();
    assert_eq!(heard, expected);
}

#[test]
fn a_reload_is_heard_and_the_workers_that_it_starts() {
    let program = scenario("events").start();
    program.wait_for_nodes(3);
    program.signal(Signal::SIGHUP);
    hears(&program, "event reload generation=1");
    for slot in [1, 2] {
        let who =
            program.wait_for_node("a successor", |who| who.slot == slot && who.generation == 1);
        hears(&program, &format!("event ready node={} slot={slot}", who.node));
    }
    program.stop();
}

#[test]
fn the_next_master_hears_first_of_who_is_there_and_then_that_its_reload_is_over() {
    let program = scenario("events").start();
    program.wait_for_nodes(3);
    for generation in 1..=3 {
        let new = workers(&reload(&program, generation));
        hears(&program, &format!("event reloaded generation={generation}"));
        let heard = heard_since(&program, &format!("listens generation={generation}"));
        let over = format!("reloaded generation={generation}");
        let before: Vec<&str> =
            heard.iter().map(String::as_str).take_while(|event| *event != over).collect();
        for Who { node, slot, pid, .. } in new {
            let spawned =
                format!("spawned node={node} slot={slot} generation={generation} pid={pid}");
            let at = |event: &str| before.iter().position(|heard| *heard == event);
            let (spawned, ready) = (at(&spawned), at(&format!("ready node={node} slot={slot}")));
            assert!(spawned.is_some() && spawned < ready, "node {node} in {before:?}");
        }
        let of_reloads = before.iter().filter(|event| event.contains("reload"));
        assert_eq!(of_reloads.count(), 0, "its beginning is the old master's to tell: {before:?}");
    }
    program.stop();
}

#[test]
fn what_the_next_master_hears_agrees_with_who_is_there_in_the_end() {
    let program = scenario("events").start();
    program.wait_for_nodes(3);
    reload(&program, 1);
    program.signal(Signal::SIGTTIN);
    hears(&program, "event scaled nodes=4");
    let added = program.wait_for_node("one more", |who| who.slot == 3);
    hears(&program, &format!("event ready node={} slot=3", added.node));
    // The old workers and who stood in for the master leave whenever they are done.
    eventually(soon(), "who was told of is there, and nobody else", || {
        let there: BTreeSet<Pid> = program.others().iter().map(|process| process.pid).collect();
        there.len() == 3 && told_of(&heard_since(&program, "listens generation=1")) == there
    });
    program.stop();
}

/// The processes that are there when these events have happened.
fn told_of(events: &[String]) -> BTreeSet<Pid> {
    let mut nodes = BTreeMap::new();
    for event in events {
        let node = event.split(' ').find_map(|word| word.strip_prefix("node="));
        if let Some(who) = Who::parse(event).filter(|_| event.starts_with("spawned ")) {
            nodes.insert(who.node.to_string(), who.pid);
        } else if event.starts_with("exited ") {
            node.and_then(|node| nodes.remove(node)).expect("who exits was spawned");
        }
    }
    nodes.into_values().collect()
}

#[test]
fn a_stop_is_heard_while_there_is_time_to() {
    let program = scenario("events").start();
    program.wait_for_nodes(3);
    program.signal(Signal::SIGTERM);
    hears(&program, "event Stopping");
    program.wait_exit();
    program.finish();
}

#[test]
fn who_listens_late_hears_first_of_the_workers_that_are_there() {
    let program = scenario("events").start();
    let workers = workers(&program.wait_for_nodes(3));
    let (gone, there) = (workers[0], workers[1]);
    hears(&program, &format!("event ready node={} slot={}", there.node, there.slot));
    replace(&program, gone);
    let Who { node, slot, pid, .. } = there;
    hears(&program, &format!("late ready node={node} slot={slot}"));
    let lines = program.stop();
    let mut late = lines.iter().filter_map(|line| line.text.strip_prefix("late "));
    let spawned = format!("spawned node={node} slot={slot} generation=0 pid={pid}");
    assert_eq!(late.next(), Some(spawned.as_str()));
    assert_eq!(late.next(), Some(format!("ready node={node} slot={slot}").as_str()));
}

#[test]
fn a_failed_reload_is_heard_with_its_reason() {
    let scratch = Scratch::new();
    let path = scratch.copy(PROGRAM, "program");
    let program = Program::new(&path).arg("events").start();
    program.wait_for_nodes(3);
    fs::remove_file(&path).expect("it is ours");
    program.signal(Signal::SIGHUP);
    let failed = program.wait_for_line("event failed generation=1 ");
    assert!(failed.text.contains("No such file"), "{}", failed.text);
    program.stop();
}

#[test]
fn a_master_that_does_not_listen_hears_events_too_and_its_workers_wait_for_none() {
    let program = scenario("events").env("MULTI_NODE_MASTER_LISTEN", "false").start();
    program.wait_for_nodes(4);
    hears(&program, "event ready ");
    program.stop();
}

#[test]
fn the_facts_of_a_death_are_fields_of_its_tracing_event() {
    let program = scenario("subscriber").start();
    let worker = workers(&program.wait_for_nodes(2))[0];
    replace(&program, worker);
    let Who { node, slot, generation, pid } = worker;
    let fields = format!(" node={node} slot={slot} generation={generation} pid={pid} ");
    let died = program.wait_for("the event of the death", |line| {
        let is_it = line.text.starts_with("event level=WARN ") && line.text.contains(&fields);
        is_it.then(|| line.text.clone())
    });
    assert!(died.contains(r#" status="signal 9""#), "{died}");
    program.stop();
}

#[track_caller]
fn hears(program: &Running, event: &str) {
    program.wait_for_line(event);
}

/// The events that were printed after the first line with these words.
fn heard_since(program: &Running, words: &str) -> Vec<String> {
    let lines = program.lines().into_iter().skip_while(|line| !line.text.contains(words));
    lines.filter_map(|line| line.text.strip_prefix("event ").map(str::to_owned)).collect()
}

fn count(lines: &[Line], event: &str) -> usize {
    lines.iter().filter(|line| line.text.starts_with(event)).count()
}
