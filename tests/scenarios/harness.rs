//! The harness itself, with programs that are no nodes.

use std::time::{Duration, Instant};

use multi_node_tests::{Exit, Program, stderr};
use nix::sys::signal::Signal;

fn shell(script: &str) -> Program {
    Program::new("/bin/sh").arg("-c").arg(script)
}

#[test]
fn lines_of_both_streams_and_the_exit_code_are_collected() {
    let program = shell("echo one; echo two >&2; exit 42").start();
    assert_eq!(program.wait_exit(), Exit::Code(42));
    let lines = program.finish();
    assert_eq!(lines.len(), 2);
    assert_eq!(stderr(&lines), ["two"]);
}

#[test]
fn a_signal_that_kills_is_told_from_an_exit_code() {
    let program = shell("echo up; exec tail -f /dev/null").start();
    program.wait_for_line("up");
    program.signal(Signal::SIGKILL);
    assert_eq!(program.wait_exit(), Exit::Signal(Signal::SIGKILL));
    program.finish();
}

#[test]
fn dropping_a_program_kills_its_whole_group() {
    let program = shell("tail -f /dev/null & echo child; tail -f /dev/null").start();
    program.wait_for_line("child");
    let group = program.pid();
    drop(program);
    assert_eq!(multi_node_tests::process::group(group), []);
}

#[test]
#[should_panic(expected = "the master ended before its processes")]
fn a_process_left_behind_fails_the_test() {
    shell("tail -f /dev/null & exit 0").start().finish();
}

#[test]
#[should_panic(expected = "something panicked")]
fn a_panic_in_the_output_fails_the_test() {
    shell("echo 'thread main panicked at src/main.rs:1' >&2").start().finish();
}

#[test]
fn the_deadline_ends_a_wait() {
    let program = shell("exec tail -f /dev/null").deadline(Duration::from_millis(50)).start();
    let started = Instant::now();
    let waited = std::panic::catch_unwind(|| program.wait_for_line("never"));
    assert!(waited.is_err());
    assert!(started.elapsed() >= Duration::from_millis(50));
}

#[test]
fn the_limit_on_open_files_and_the_environment_reach_the_program() {
    let program = shell("ulimit -n; echo $WORD").env("WORD", "hello").open_files(123).start();
    program.wait_for_line("123");
    program.wait_for_line("hello");
    program.finish();
}
