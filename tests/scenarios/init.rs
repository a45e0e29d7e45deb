//! As process 1, which a container makes of a program.

use std::process::{Command, Stdio};

use multi_node_tests::{Exit, Program, Running, process};
use nix::sys::signal::Signal;

use crate::support::{PROGRAM, send};

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

/// The program as process 1 of its own, or `None` where nobody may make such a one.
fn as_process_1() -> Option<Running> {
    let namespace = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    let allowed =
        Command::new("unshare").args(namespace).arg("true").stderr(Stdio::null()).status();
    if !allowed.is_ok_and(|status| status.success()) {
        eprintln!("not tried: no process namespace can be made here");
        return None;
    }
    let mut program = Program::new("unshare");
    for arg in namespace {
        program = program.arg(arg);
    }
    Some(program.arg(PROGRAM).arg("lines").start())
}

/// What `unshare` started.
#[track_caller]
fn process_1(program: &Running) -> process::Process {
    process::children(program.pid()).pop().expect("it runs")
}
