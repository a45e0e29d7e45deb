//! Each option by its environment variable.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use multi_node_tests::{Exit, Program, eventually, process, stderr, unused_port};
use nix::sys::signal::Signal;

use crate::support::{
    PROGRAM, fails_to_start, freeze, notice, reach, reload, scenario, send, soon, wait_gone,
    workers,
};

#[test]
fn port_says_where_to_listen() {
    let port = unused_port();
    let program = scenario("lines").env("MULTI_NODE_PORT", port.to_string()).start();
    program.wait_for_nodes(4);
    assert_eq!(program.addr().port(), port);
    reach(&program, |_| true);
    program.stop();
}

#[test]
fn host_says_on_which_address() {
    let program = scenario("lines").env("MULTI_NODE_HOST", "127.0.0.2").start();
    program.wait_for_nodes(4);
    assert!(program.addr().ip().to_string() == "127.0.0.2");
    reach(&program, |_| true);
    program.stop();
}

#[test]
fn host_may_be_a_name() {
    let program = scenario("lines").env("MULTI_NODE_HOST", "localhost").start();
    program.wait_for_nodes(4);
    assert!(program.addr().ip().is_loopback());
    program.stop();
}

#[test]
fn host_may_be_of_version_6() {
    let program = scenario("lines").env("MULTI_NODE_HOST", "::1").start();
    program.wait_for_nodes(4);
    assert!(program.addr().is_ipv6());
    reach(&program, |_| true);
    program.stop();
}

#[test]
fn nodes_counts_the_master_when_it_listens() {
    let program = scenario("lines").env("MULTI_NODE_NODES", "2").start();
    let nodes = program.wait_for_nodes(2);
    assert_eq!(workers(&nodes).len(), 1);
    assert_eq!(process::children(program.pid()).len(), 1);
    program.stop();
}

#[test]
fn nodes_may_be_as_many_as_there_are_processors() {
    let count = std::thread::available_parallelism().expect("a number").get();
    let program = scenario("lines").env("MULTI_NODE_NODES", "auto").start();
    program.wait_for_nodes(count);
    assert_eq!(process::children(program.pid()).len(), count - 1);
    program.stop();
}

#[test]
fn nodes_may_be_as_many_as_the_cgroup_has_processors_for() {
    let Some(cgroup) = Cgroup::of_one_processor() else {
        eprintln!("not tried: no cgroup with a quota can be made here");
        return;
    };
    let enter = format!("echo $$ > {}/cgroup.procs && exec {PROGRAM} lines", cgroup.0.display());
    let program = Program::new("/bin/sh").arg("-c").arg(enter).env("MULTI_NODE_NODES", "auto");
    let program = program.start();
    assert_eq!(program.wait_for_nodes(1)[0].pid, program.pid());
    reload(&program, 1);
    eventually(soon(), "the master is alone again", || program.others().is_empty());
    let lines = program.stop();
    assert!(lines.iter().any(|line| line.text.contains(" nodes=1 ")), "{lines:?}");
}

/// A cgroup of the test's own; it is gone when this is dropped, which its processes must be before.
struct Cgroup(PathBuf);

impl Cgroup {
    /// Version 1 or 2, whichever lets us; `None` when it would make no difference.
    fn of_one_processor() -> Option<Cgroup> {
        if std::thread::available_parallelism().expect("a number").get() == 1 {
            return None;
        }
        let name = format!("multi-node-{}", std::process::id());
        let versions = [
            ("/sys/fs/cgroup", "cpu.max", "100000 100000"),
            ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "100000"),
        ];
        versions.into_iter().find_map(|(root, file, quota)| {
            // A folder that is no control group has no such file.
            let cgroup = Path::new(root).join(&name);
            fs::create_dir(&cgroup).ok()?;
            let cgroup = Cgroup(cgroup);
            let written =
                cgroup.0.join(file).exists() && fs::write(cgroup.0.join(file), quota).is_ok();
            written.then_some(cgroup)
        })
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A test that failed may leave processes in it.
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_master_that_does_not_listen_comes_on_top() {
    let program = scenario("lines")
        .env("MULTI_NODE_NODES", "2")
        .env("MULTI_NODE_MASTER_LISTEN", "false")
        .start();
    let nodes = program.wait_for_nodes(3);
    assert_eq!(workers(&nodes).len(), 2);
    assert_eq!(process::children(program.pid()).len(), 2);
    program.stop();
}

#[test]
fn without_restart_children_the_dead_stay_dead() {
    let program = scenario("lines")
        .env("MULTI_NODE_NODES", "3")
        .env("MULTI_NODE_RESTART_CHILDREN", "false")
        .start();
    let nodes = program.wait_for_nodes(3);
    for worker in workers(&nodes) {
        send(worker.pid, Signal::SIGKILL);
        notice(&program, &[&format!("pid {}", worker.pid), "SIGKILL"]);
    }
    // The master's own node goes on, and ends the program when it ends.
    let mut client = reach(&program, |who| who.slot == 0);
    client.ask("end ok").expect("an answer");
    assert_eq!(program.wait_exit(), Exit::Code(0));
    let lines = program.finish();
    assert_eq!(lines.iter().filter(|line| line.text.starts_with("up ")).count(), 3);
}

#[test]
fn backlog_is_what_the_kernel_queues() {
    let program =
        scenario("lines").env("MULTI_NODE_NODES", "1").env("MULTI_NODE_BACKLOG", "3").start();
    program.wait_for_nodes(1);
    let addr = program.addr();
    freeze(program.pid());
    // The kernel takes one more than the backlog, and leaves the rest without an answer.
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&addr, Duration::from_millis(300)) {
        queued.push(stream);
        assert!(queued.len() <= 8, "far more than the backlog");
    }
    assert!(queued.len() <= 4, "{} were queued", queued.len());
    drop(queued);
    program.signal(Signal::SIGCONT);
    program.stop();
}

#[test]
fn drain_timeout_ends_the_patience_with_open_connections() {
    let program = scenario("lines")
        .env("MULTI_NODE_NODES", "2")
        .env("MULTI_NODE_DRAIN_TIMEOUT", "200ms")
        .start();
    let nodes = program.wait_for_nodes(2);
    let worker = workers(&nodes)[0];
    let _held = reach(&program, |who| who.slot == worker.slot);
    program.signal(Signal::SIGTERM);
    assert_eq!(program.wait_exit(), Exit::Code(0));
    let pid = worker.pid.to_string();
    let lines = program.finish();
    let named = stderr(&lines)
        .iter()
        .any(|line| line.contains(&pid) && line.contains("slot 1") && line.contains("200ms"));
    assert!(named, "the one that was over the time is named");
}

#[test]
fn drain_timeout_holds_for_one_worker_too() {
    let program = scenario("lines").env("MULTI_NODE_DRAIN_TIMEOUT", "200ms").start();
    let nodes = program.wait_for_nodes(4);
    let worker = workers(&nodes)[0];
    let mut held = reach(&program, |who| who.slot == worker.slot);
    held.ask("block").expect("an answer");
    send(worker.pid, Signal::SIGTERM);
    wait_gone(&program, worker.pid);
    crate::support::successor(&program, worker);
    program.stop();
}

#[test]
fn a_bad_value_is_named_before_anything_is_bound() {
    for (name, value) in [
        ("MULTI_NODE_PORT", "eighty"),
        ("MULTI_NODE_PORT", "65536"),
        ("MULTI_NODE_PORT", "-1"),
        ("MULTI_NODE_HOST", ""),
        ("MULTI_NODE_NODES", "0"),
        ("MULTI_NODE_NODES", "257"),
        ("MULTI_NODE_NODES", "many"),
        ("MULTI_NODE_MASTER_LISTEN", "maybe"),
        ("MULTI_NODE_RESTART_CHILDREN", "2"),
        ("MULTI_NODE_BACKLOG", "0"),
        ("MULTI_NODE_BACKLOG", "lots"),
        ("MULTI_NODE_DRAIN_TIMEOUT", "soon"),
        ("MULTI_NODE_DRAIN_TIMEOUT", "-3s"),
        ("MULTI_NODE_START_TIMEOUT", "10 parsecs"),
        ("MULTI_NODE_READY", "eventually"),
        ("MULTI_NODE_DRAIN_DELAY", "5"),
        ("MULTI_NODE_DRAIN_GRACE", "1 s"),
        ("MULTI_NODE_MAX_SURGE", "0"),
        ("MULTI_NODE_HANG_TIMEOUT", "0s"),
        ("MULTI_NODE_MAX_LIFETIME", "1d"),
        ("MULTI_NODE_MAX_CONNECTIONS", "-1"),
        ("MULTI_NODE_MAX_MEMORY", "512MB"),
        ("MULTI_NODE_USER", ""),
        ("MULTI_NODE_GROUP", ""),
        ("MULTI_NODE_PID_FILE", ""),
    ] {
        let code = fails_to_start(bad(name, value).start(), &[name, value, "expected"]);
        assert_eq!(code, 78, "{name}={value}");
    }
}

/// A port that could be bound shows that the value is looked at first.
fn bad(name: &str, value: &str) -> Program {
    scenario("lines").env("MULTI_NODE_PORT", unused_port().to_string()).env(name, value)
}
