//! What the end of a `main` means, in the master and in a worker.

use multi_node_tests::{Exit, Running};

use crate::support::{notice, reach, refuses, scenario, successor, wait_gone, workers};

#[test]
fn the_masters_main_returning_ok_stops_all_with_success() {
    let program = scenario("lines").start();
    end_master(&program, "ok");
    assert_eq!(program.wait_exit(), Exit::Code(0));
    program.finish();
}

#[test]
fn the_masters_main_returning_an_error_stops_all_with_its_code() {
    let program = scenario("lines").start();
    end_master(&program, "err");
    assert_eq!(program.wait_exit(), Exit::Code(1));
    let lines = program.finish();
    assert!(lines.iter().any(|line| line.text.contains("told to fail")));
}

#[test]
fn a_panic_in_the_masters_main_stops_all_with_101() {
    let program = scenario("lines").may_panic().start();
    end_master(&program, "panic");
    assert_eq!(program.wait_exit(), Exit::Code(101));
    let lines = program.finish();
    assert!(lines.iter().any(|line| line.text.contains("told to panic")));
}

#[test]
fn a_stop_by_the_masters_main_waits_for_open_connections() {
    let program = scenario("lines").start();
    program.wait_for_nodes(4);
    let mut open = reach(&program, |who| who.slot == 1);
    end_master(&program, "ok");
    refuses(&program);
    assert_eq!(open.ask("echo still-here").expect("an answer"), "still-here");
    drop(open);
    assert_eq!(program.wait_exit(), Exit::Code(0));
    program.finish();
}

#[test]
fn a_workers_error_is_printed_with_its_number_and_the_worker_is_replaced() {
    let program = scenario("lines").start();
    let nodes = program.wait_for_nodes(4);
    let worker = workers(&nodes)[1];
    end_worker(&program, worker.pid, "err");
    let node = format!("multi-node[{}]", worker.node);
    program.wait_for_line("told to fail");
    notice(&program, &[&node, "main returned a failure"]);
    notice(&program, &[&format!("pid {}", worker.pid), "code 1"]);
    successor(&program, worker);
    program.stop();
}

#[test]
fn a_workers_main_that_returns_unasked_is_named_with_what_to_do() {
    let program = scenario("lines").start();
    let nodes = program.wait_for_nodes(4);
    let worker = workers(&nodes)[1];
    end_worker(&program, worker.pid, "ok");
    notice(&program, &[&format!("multi-node[{}]", worker.node), "shutdown().await"]);
    successor(&program, worker);
    program.stop();
}

#[test]
fn a_worker_that_only_registered_handlers_is_told_what_to_do() {
    let program = scenario("only-registers").start();
    program.wait_for_nodes(2);
    notice(&program, &["multi-node[1]", "shutdown().await"]);
    program.stop();
}

#[test]
fn a_workers_panic_is_a_death_like_any_other() {
    let program = scenario("lines").may_panic().start();
    let nodes = program.wait_for_nodes(4);
    let worker = workers(&nodes)[1];
    end_worker(&program, worker.pid, "panic");
    notice(&program, &[&format!("pid {}", worker.pid), "code 101"]);
    wait_gone(&program, worker.pid);
    successor(&program, worker);
    program.stop();
}

#[test]
fn nodes_that_only_compute_end_the_program_when_all_are_done() {
    let program = scenario("computes").start();
    program.wait_for_lines("computed node=", 3);
    assert_eq!(program.wait_exit(), Exit::Code(0));
    let lines = program.finish();
    assert_eq!(lines.iter().filter(|line| line.text.starts_with("up ")).count(), 3);
    assert!(lines.iter().all(|line| line.field("addr").is_none_or(|addr| addr == "none")));
}

#[test]
fn a_node_that_computes_and_crashes_starts_again() {
    let program = scenario("computes").arg("crash").start();
    program.wait_for_lines("computed node=", 3);
    assert_eq!(program.wait_exit(), Exit::Code(0));
    let lines = program.finish();
    // The master once, each of the two workers twice.
    assert_eq!(lines.iter().filter(|line| line.text.starts_with("up ")).count(), 5);
}

/// Ends the `main` of the master once all four nodes are up.
#[track_caller]
fn end_master(program: &Running, how: &str) {
    program.wait_for_nodes(4);
    end_worker(program, program.pid(), how);
}

#[track_caller]
fn end_worker(program: &Running, pid: nix::unistd::Pid, how: &str) {
    let mut client = reach(program, |who| who.pid == pid);
    client.tell(&format!("end {how}")).expect("it is open");
}
