//! As process 1, which a container makes of a program.

use std::process::{Command, Stdio};

use multi_node_tests::{Exit, Program, Running, eventually, process};
use nix::sys::signal::Signal;

use crate::support::{PROGRAM, send, soon};

#[test]
fn as_process_1_it_serves_passes_signals_on_and_leaves_with_their_outcome() {
    let Some(program) = as_process_1() else { return };
    program.wait_for_nodes(4);
    let init = process_1(&program);
    send(init.pid, Signal::SIGHUP);
    program.wait_for_lines("generation=1 ", 3);
    send(init.pid, Signal::SIGTERM);
    assert_eq!(program.wait_exit(), Exit::Code(0));
    program.finish();
}

#[test]
fn as_process_1_it_stays_what_it_is_while_everything_else_is_replaced() {
    let Some(program) = as_process_1() else { return };
    let master = program.wait_for_nodes(4)[0];
    let init = process_1(&program);
    let children = || process::children(init.pid);
    let before = children();
    for generation in 1..=3 {
        send(init.pid, Signal::SIGHUP);
        program.wait_for_node("the new master", |who| {
            who.pid == master.pid && who.generation == generation
        });
        eventually(soon(), "the old workers are gone", || {
            before.first().is_some_and(|master| process::children(master.pid).len() == 3)
        });
    }
    send(init.pid, Signal::SIGTTIN);
    program.wait_for_node("one more", |who| who.slot == 4 && who.generation == 3);
    assert_eq!(children(), before, "it has the child that it had");
    send(init.pid, Signal::SIGTERM);
    assert_eq!(program.wait_exit(), Exit::Code(0));
    program.finish();
}

#[test]
fn as_process_1_it_runs_no_main_but_the_masters() {
    let Some(program) = as_process_1() else { return };
    program.wait_for_nodes(4);
    for up in program.wait_for_ups(4) {
        assert_ne!(up.field("pid"), Some("1"), "{}", up.text);
    }
    let init = process_1(&program);
    let [master] = &process::children(init.pid)[..] else { panic!("it has one child") };
    assert_eq!(process::children(master.pid).len(), 3);
    send(init.pid, Signal::SIGTERM);
    assert_eq!(program.wait_exit(), Exit::Code(0));
    program.finish();
}

#[test]
fn as_process_1_it_reaps_what_a_killed_master_leaves_and_reports_its_end() {
    let Some(program) = as_process_1() else { return };
    program.wait_for_nodes(4);
    let init = process_1(&program);
    let master = process::children(init.pid)[0].pid;
    send(master, Signal::SIGKILL);
    eventually(soon(), "the init ends", || program.exit().is_some());
    assert_ne!(program.exit(), Some(Exit::Code(0)));
    program.finish();
}

/// The program as process 1 of its own, or `None` where nobody may make such a one.
fn as_process_1() -> Option<Running> {
    let namespace = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    let allowed =
        Command::new("unshare").args(namespace).arg("true").stderr(Stdio::null()).status();
    if !allowed.is_ok_and(|status| status.success()) {
        eprintln!("not tried: no process namespace can be made here");
        return None;
    }
    Some(Program::new("unshare").args(namespace).args([PROGRAM, "lines"]).start())
}

/// What `unshare` started.
#[track_caller]
fn process_1(program: &Running) -> process::Process {
    process::children(program.pid()).pop().expect("it runs")
}
