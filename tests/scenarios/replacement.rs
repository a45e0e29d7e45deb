//! What can go wrong where the master replaces itself, and what it is like while that happens.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use multi_node_tests::{Exit, LineClient, Program, Running, Scratch, Who, eventually, process};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid};

use crate::support::{
    PROGRAM, notice, reach, reload, replace, scenario, send, soon, successor, wait_gone, workers,
};

#[test]
fn an_exec_that_fails_leaves_the_old_image_in_charge_and_the_next_reload_succeeds() {
    let scratch = Scratch::new();
    let file = scratch.copy(PROGRAM, "program");
    let program = Program::new(&file).args(["lines"]).env("MULTI_NODE_NODES", "3").start();
    let held = about_to_replace_itself(&program, 3);
    mode(&file, 0);
    drop(held);
    notice(&program, &["could not replace itself by generation 1", "Permission denied"]);
    mode(&file, 0o755);
    goes_on_without_a_node_of_its_own(&program);
    let nodes = reload(&program, 2);
    reach(&program, |who| who.pid == program.pid() && who.generation == 2);
    let stand_in = nodes.iter().find(|who| who.slot == 0 && who.pid != program.pid());
    wait_gone(&program, stand_in.expect("somebody stood in").pid);
    program.stop();
}

#[test]
fn a_master_without_files_to_spare_does_not_try_to_replace_itself() {
    let program = scenario("lines").env("MULTI_NODE_NODES", "3").start();
    let held = about_to_replace_itself(&program, 3);
    // Enough for this image, and not for all that the next one opens.
    let few = process::fds(program.pid()).len() + 8;
    limit_files(program.pid(), &few.to_string());
    drop(held);
    notice(&program, &["could not replace itself by generation 1", "more files must be open"]);
    limit_files(program.pid(), "1024");
    goes_on_without_a_node_of_its_own(&program);
    reload(&program, 2);
    reach(&program, |who| who.pid == program.pid() && who.generation == 2);
    program.stop();
}

#[test]
fn a_master_that_could_not_replace_itself_stops_as_any() {
    let program = scenario("lines").env("MULTI_NODE_NODES", "3").start();
    let held = about_to_replace_itself(&program, 3);
    limit_files(program.pid(), "16");
    drop(held);
    notice(&program, &["could not replace itself by generation 1"]);
    program.stop();
}

#[test]
fn a_new_master_whose_main_fails_at_once_leaves_a_stand_in_that_serves() {
    for failure in ["err", "panic"] {
        let program = scenario("next-master").arg(failure).may_panic().start();
        program.wait_for_nodes(3);
        program.signal(Signal::SIGHUP);
        notice(&program, &["failed before it was ready"]);
        goes_on_without_a_node_of_its_own(&program);
        reload(&program, 2);
        reach(&program, |who| who.pid == program.pid() && who.generation == 2);
        program.stop();
    }
}

#[test]
fn a_new_master_whose_main_never_gets_ready_leaves_a_stand_in_that_serves() {
    let program = scenario("next-master").arg("waits").env("MULTI_NODE_START_TIMEOUT", "5s");
    let program = program.start();
    program.wait_for_nodes(3);
    program.signal(Signal::SIGHUP);
    notice(&program, &["was not ready within start_timeout"]);
    goes_on_without_a_node_of_its_own(&program);
    reload(&program, 2);
    reach(&program, |who| who.pid == program.pid() && who.generation == 2);
    program.stop();
}

#[test]
fn programs_of_every_kind_reload_twice() {
    let kinds = [
        ("thread-pool", ("MULTI_NODE_NODES", "3")),
        ("blocking-main", ("MULTI_NODE_NODES", "3")),
        ("std-listener", ("MULTI_NODE_NODES", "3")),
        ("tokio-listener", ("MULTI_NODE_NODES", "1")),
        ("idles", ("MULTI_NODE_NODES", "3")),
        ("lines", ("MULTI_NODE_MASTER_LISTEN", "false")),
        ("lines", ("MULTI_NODE_RESTART_CHILDREN", "false")),
        ("lines", ("MULTI_NODE_MAX_SURGE", "1")),
    ];
    for (kind, (option, value)) in kinds {
        let program = scenario(kind).env(option, value).start();
        program.wait_for_nodes(1);
        reload(&program, 1);
        let nodes = reload(&program, 2);
        let serving = workers(&nodes);
        eventually(soon(), "nobody else is left", || program.others().len() == serving.len());
        let alive = |who: &Who| process::is_alive(who.pid);
        assert!(serving.iter().all(alive), "{kind}: {serving:?}");
        program.stop();
    }
}

#[test]
fn a_storm_of_signals_loses_none_kills_nobody_and_stops_nothing() {
    const SIGNALS: [Signal; 4] =
        [Signal::SIGHUP, Signal::SIGTTIN, Signal::SIGUSR2, Signal::SIGTTOU];
    let program = scenario("lines").deadline(Duration::from_secs(240)).start();
    program.wait_for_nodes(4);
    for signal in SIGNALS.into_iter().cycle().take(200) {
        program.signal(signal);
        // As long as a request takes, whoever answers.
        let answered = LineClient::connect(program.addr()).and_then(|mut client| client.who());
        answered.expect("somebody serves");
        assert!(!process::is_stopped(program.pid()), "{signal} stopped it");
    }
    let newest = program.nodes().iter().map(|who| who.generation).max();
    let newest = newest.expect("they said who they are");
    program.signal(Signal::SIGHUP);
    program.wait_for_node("the master of a new generation", |who| {
        who.pid == program.pid() && who.generation > newest
    });
    program.stop();
}

#[test]
fn a_stop_that_arrives_when_the_master_is_about_to_be_replaced_is_obeyed() {
    for moment in 0..8 {
        let program = scenario("lines").env("MULTI_NODE_NODES", "2").start();
        let held = about_to_replace_itself(&program, 2);
        let mut other = reach(&program, |who| who.slot == 1 && who.generation == 1);
        drop(held);
        // Each request is a little time.
        for _ in 0..moment {
            other.who().expect("it serves");
        }
        drop(other);
        program.signal(Signal::SIGTERM);
        assert_eq!(program.wait_exit(), Exit::Code(0));
        program.finish();
    }
}

#[test]
fn children_of_user_code_that_start_all_the_time_inherit_nothing() {
    let program = scenario("spawns-on").deadline(Duration::from_secs(180)).start();
    program.wait_for_line("looked generation=0");
    for generation in 1..=20 {
        reload(&program, generation);
        program.wait_for_line(&format!("looked generation={generation}"));
    }
    // What this process leaves open for its children is not the program's.
    let given = process::fds(getpid());
    for line in program.lines() {
        let has = line.text.strip_prefix("a child has ");
        assert!(
            has.is_none_or(|target| given.iter().any(|fd| *fd == Path::new(target))),
            "{line:?}"
        );
    }
    eventually(soon(), "no zombie is left of the masters that were", || {
        process::children(program.pid()).iter().filter(|child| child.is_zombie()).count() <= 1
    });
    // It may have a child at its end, which is nobody's then.
    program.signal(Signal::SIGTERM);
    assert_eq!(program.wait_exit(), Exit::Code(0));
}

#[test]
fn workers_that_die_while_the_master_is_replaced_are_respawned() {
    let program = scenario("lines").deadline(Duration::from_secs(180)).start();
    let mut last = workers(&program.wait_for_nodes(4))[0];
    let mut next = 1;
    for round in 0..12 {
        program.signal(Signal::SIGHUP);
        // One of either generation dies: the first that is up, which may fail the reload, or one
        // that drains.
        let first = program.wait_for_node("a successor", |who| who.generation == next);
        let victim = if round % 2 == 0 { first.pid } else { last.pid };
        // It may have drained already.
        let _ = kill(victim, Signal::SIGKILL);
        last = settled(&program);
        next = last.generation + 1;
    }
    program.wait_for_nodes(4);
    program.stop();
}

#[test]
fn a_worker_that_is_stopped_does_not_hold_up_a_reload() {
    let program = scenario("lines").env("MULTI_NODE_DRAIN_TIMEOUT", "1s").start();
    let nodes = program.wait_for_nodes(4);
    let stopped = workers(&nodes)[0];
    send(stopped.pid, Signal::SIGSTOP);
    reload(&program, 1);
    wait_gone(&program, stopped.pid);
    reload(&program, 2);
    program.stop();
}

#[test]
fn a_master_that_is_stopped_while_successors_start_ends_none_of_them() {
    let program = scenario("lines").env("MULTI_NODE_START_TIMEOUT", "3s").start();
    program.wait_for_nodes(4);
    program.signal(Signal::SIGHUP);
    program.wait_for_node("the first successor", |who| who.generation == 1);
    program.signal(Signal::SIGSTOP);
    let since = Instant::now();
    eventually(soon(), "start_timeout is over", || since.elapsed() > Duration::from_secs(5));
    program.signal(Signal::SIGCONT);
    reach(&program, |who| who.pid == program.pid() && who.generation == 1);
    let lines = program.stop();
    let blamed = lines.iter().find(|line| line.text.contains("start_timeout"));
    assert!(blamed.is_none(), "{blamed:?}");
}

#[test]
fn a_worker_with_room_for_no_file_at_all_does_not_take_its_master_for_dead() {
    let program = scenario("lines").start();
    let nodes = program.wait_for_nodes(4);
    let worker = workers(&nodes)[0];
    let mut open = reach(&program, |who| who.pid == worker.pid);
    limit_files(worker.pid, "0");
    // It means nothing to a worker, but its control thread wakes, and waits again.
    send(worker.pid, Signal::SIGHUP);
    assert_eq!(open.who().expect("it serves"), worker);
    limit_files(worker.pid, "1024");
    send(worker.pid, Signal::SIGTERM);
    successor(&program, worker);
    drop(open);
    wait_gone(&program, worker.pid);
    let lines = program.stop();
    let gone = lines.iter().find(|line| line.text.contains("the master is gone"));
    assert!(gone.is_none(), "{gone:?}");
}

/// Reloads as far as to the master's drain, which waits for the connection: it begins with that
/// of the old workers, which have nothing to wait for.
#[track_caller]
fn about_to_replace_itself(program: &Running, nodes: usize) -> LineClient {
    let old = program.wait_for_nodes(nodes);
    let held = reach(program, |who| who.pid == program.pid());
    program.signal(Signal::SIGHUP);
    for worker in workers(&old) {
        wait_gone(program, worker.pid);
    }
    held
}

/// A worker of generation 1 stands in for the master, and workers that die are respawned.
#[track_caller]
fn goes_on_without_a_node_of_its_own(program: &Running) {
    let is_stand_in = |who: &Who| who.slot == 0 && who.generation == 1 && who.pid != program.pid();
    let stand_in = program.wait_for_node("the stand-in", is_stand_in);
    reach(program, |who| who.pid == stand_in.pid);
    let next = replace(program, stand_in);
    reach(program, |who| who.pid == next.pid);
    let worker = program.wait_for_node("a worker", |who| who.slot == 1 && who.generation == 1);
    let next = replace(program, worker);
    reach(program, |who| who.pid == next.pid);
}

/// Reloads until the master was replaced, and returns a worker of its generation.
#[track_caller]
fn settled(program: &Running) -> Who {
    let masters = || {
        let nodes = program.nodes().into_iter().filter(|who| who.pid == program.pid());
        nodes.map(|who| who.generation).max()
    };
    let failures =
        || program.lines().iter().filter(|line| line.text.contains("reload to generation")).count();
    loop {
        let (master, failed) = (masters(), failures());
        program.signal(Signal::SIGHUP);
        eventually(program.deadline(), "the reload is over", || {
            masters() > master || failures() > failed
        });
        if masters() > master {
            let generation = masters().expect("it is up");
            return program.wait_for_node("a worker of it", |who| {
                who.slot != 0 && who.generation == generation
            });
        }
    }
}

fn mode(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// Sets how many files a process may have open, for now.
#[track_caller]
fn limit_files(pid: Pid, soft: &str) {
    let mut prlimit = Command::new("prlimit");
    let set = prlimit.arg("--pid").arg(pid.to_string()).arg(format!("--nofile={soft}:")).status();
    assert!(set.expect("prlimit(1), of util-linux, is installed").success());
}
