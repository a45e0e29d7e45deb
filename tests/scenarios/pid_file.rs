//! The pid file: one program at a time has it, and it never names a process that is gone for long.

use std::fs;
use std::path::{Path, PathBuf};

use multi_node_tests::{Exit, Running, Scratch, eventually, process};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::support::{as_root, fails_to_start, reload, replace, scenario, send, soon, workers};

#[test]
fn it_is_written_when_the_program_is_ready_and_removed_at_its_end() {
    let scratch = Scratch::new();
    let (program, path) = with_pid_file(&scratch);
    assert_eq!(pid_when_written(&path), program.pid());
    program.stop();
    assert!(!path.exists());
}

#[test]
fn a_program_that_never_gets_ready_leaves_none_and_writes_none() {
    let scratch = Scratch::new();
    let path = scratch.path().join("pid");
    let program = scenario("never-ready").env("MULTI_NODE_PID_FILE", &path).start();
    program.wait_for_line("waiting ");
    assert_eq!(fs::read_to_string(&path).expect("it is claimed"), "");
    program.stop();
    assert!(!path.exists());
}

#[test]
fn alone_the_masters_own_node_makes_the_program_ready() {
    let scratch = Scratch::new();
    let path = scratch.path().join("pid");
    let alone = scenario("lines").env("MULTI_NODE_NODES", "1").env("MULTI_NODE_PID_FILE", &path);
    let program = alone.start();
    assert_eq!(pid_when_written(&path), program.pid());
    program.stop();
    assert!(!path.exists());
}

#[test]
fn a_second_instance_is_refused_and_told_who_runs() {
    let scratch = Scratch::new();
    let (first, path) = with_pid_file(&scratch);
    let pid = pid_when_written(&path);
    let second = scenario("lines").env("MULTI_NODE_PID_FILE", &path).start();
    assert_eq!(fails_to_start(second, &[&format!("already running as pid {pid}")]), 1);
    assert_eq!(pid_when_written(&path), first.pid());
    first.stop();
}

#[test]
fn what_a_killed_program_left_is_replaced() {
    let scratch = Scratch::new();
    let (killed, path) = with_pid_file(&scratch);
    let stale = pid_when_written(&path);
    killed.signal(Signal::SIGKILL);
    killed.finish();
    assert!(path.exists());
    let (next, _) = with_pid_file(&scratch);
    eventually(soon(), "it names the next program", || {
        pid_in(&path).is_some_and(|pid| pid != stale)
    });
    assert_eq!(pid_in(&path), Some(next.pid()));
    next.stop();
}

#[test]
fn respawns_and_reloads_do_not_touch_it() {
    let scratch = Scratch::new();
    let (program, path) = with_pid_file(&scratch);
    let nodes = program.wait_for_nodes(4);
    let before = (pid_when_written(&path), written_at(&path));
    replace(&program, workers(&nodes)[0]);
    for generation in 1..=3 {
        reload(&program, generation);
        assert_eq!((pid_when_written(&path), written_at(&path)), before);
    }
    let second = scenario("lines").env("MULTI_NODE_PID_FILE", &path).start();
    assert_eq!(second.wait_exit(), Exit::Code(1), "the lock is there still");
    second.finish();
    program.stop();
    assert!(!path.exists(), "the last of the masters removes it");
}

#[test]
fn a_path_that_cannot_be_had_ends_the_start_with_one_line() {
    let scratch = Scratch::new();
    let missing = scratch.path().join("missing/pid");
    let program = scenario("lines").env("MULTI_NODE_PID_FILE", missing).start();
    assert_eq!(fails_to_start(program, &["missing/pid"]), 1);
}

#[test]
fn a_file_that_is_no_pid_file_ends_the_start_and_is_left_alone() {
    let scratch = Scratch::new();
    let path = scratch.path().join("notes");
    fs::write(&path, "buy milk\n").expect("the directory is ours");
    let program = scenario("lines").env("MULTI_NODE_PID_FILE", &path).start();
    assert_eq!(fails_to_start(program, &["pid_file="]), 78);
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "buy milk\n");
}

#[test]
fn a_start_that_fails_leaves_none() {
    let scratch = Scratch::new();
    let path = scratch.path().join("pid");
    let program = scenario("never-starts").arg("exit").env("MULTI_NODE_PID_FILE", &path).start();
    assert_eq!(program.wait_exit(), Exit::Code(1));
    program.finish();
    assert!(!path.exists());
}

#[test]
fn a_user_who_may_not_remove_it_empties_it() {
    let Some((scratch, program)) = as_root("lines") else { return };
    let path = scratch.path().join("pid");
    let program =
        program.env("MULTI_NODE_USER", "nobody").env("MULTI_NODE_PID_FILE", &path).start();
    assert_eq!(pid_when_written(&path), program.pid());
    program.stop();
    assert_eq!(fs::read_to_string(&path).expect("the directory is root's"), "");
}

#[test]
fn workers_do_not_hold_its_lock() {
    let scratch = Scratch::new();
    let (program, path) = with_pid_file(&scratch);
    let nodes = program.wait_for_nodes(4);
    for worker in workers(&nodes) {
        assert!(!process::fds(worker.pid).contains(&path));
    }
    // A stopped worker outlives its master, and does not keep the next one from starting.
    let stuck = workers(&nodes)[0].pid;
    send(stuck, Signal::SIGSTOP);
    program.signal(Signal::SIGKILL);
    program.wait_exit();
    let (next, _) = with_pid_file(&scratch);
    next.wait_for_nodes(4);
    send(stuck, Signal::SIGKILL);
    next.stop();
    program.finish();
}

fn with_pid_file(scratch: &Scratch) -> (Running, PathBuf) {
    let path = scratch.path().join("pid");
    let program = scenario("lines").env("MULTI_NODE_PID_FILE", &path).start();
    (program, path)
}

fn pid_in(path: &Path) -> Option<Pid> {
    fs::read_to_string(path).ok()?.strip_suffix('\n')?.parse().ok().map(Pid::from_raw)
}

#[track_caller]
fn pid_when_written(path: &Path) -> Pid {
    eventually(soon(), "the pid file is written", || pid_in(path).is_some());
    pid_in(path).expect("it was written")
}

fn written_at(path: &Path) -> std::time::SystemTime {
    fs::metadata(path).and_then(|file| file.modified()).expect("it is there")
}
