//! The end of a reload: the master replaces its own program in place.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use multi_node_tests::{Load, Program, Scratch, eventually, process};
use nix::sys::signal::Signal;

use crate::deployed::Deployed;
use crate::support::{PROGRAM, notice, reach, reload, scenario, settled, soon, wait_gone, workers};

#[test]
fn the_master_runs_the_new_generation_under_its_old_pid() {
    let program = scenario("lines").start();
    program.wait_for_nodes(4);
    let before = reload(&program, 1);
    let master = before.iter().find(|who| who.pid == program.pid()).expect("it is one of them");
    assert_eq!(master.slot, 0);
    assert!(master.node > 3, "the master is a new node: {master:?}");
    reach(&program, |who| who.pid == program.pid() && who.generation == 1);
    let again = reload(&program, 2);
    assert!(again.iter().any(|who| who.pid == program.pid() && who.node > master.node));
    program.stop();
}

#[test]
fn one_node_alone_reloads_without_a_gap() {
    let program = scenario("http").env("MULTI_NODE_NODES", "1").start();
    program.wait_for_nodes(1);
    let load = Load::start(program.addr(), 3, 3);
    load.wait_for_ok(100, soon());
    for generation in 1..=5 {
        reload(&program, generation);
        load.wait_for_ok(20, soon());
    }
    load.stop_without_loss();
    program.stop();
}

#[test]
fn a_master_that_does_not_listen_is_replaced_too() {
    let program = scenario("lines").env("MULTI_NODE_MASTER_LISTEN", "false").start();
    program.wait_for_nodes(5);
    let nodes = reload(&program, 1);
    assert!(nodes.iter().any(|who| who.pid == program.pid()));
    assert_eq!(workers(&nodes).len(), 4, "nobody stands in for it: {nodes:?}");
    program.stop();
}

#[test]
fn who_stood_in_for_the_master_leaves_when_it_is_back() {
    let program = scenario("lines").start();
    program.wait_for_nodes(4);
    let nodes = reload(&program, 1);
    let stands_in = nodes.iter().find(|who| who.slot == 0 && who.pid != program.pid());
    wait_gone(&program, stands_in.expect("somebody did").pid);
    eventually(soon(), "three workers are left", || program.others().len() == 3);
    program.stop();
}

#[test]
fn a_worker_that_dies_after_the_replacement_is_respawned_by_the_new_master() {
    let program = scenario("lines").start();
    program.wait_for_nodes(4);
    let nodes = reload(&program, 1);
    let successor = crate::support::replace(&program, workers(&nodes)[0]);
    assert_eq!(successor.generation, 1);
    reach(&program, |who| who.pid == successor.pid);
    program.stop();
}

#[test]
fn the_new_masters_node_meets_the_others() {
    let program = scenario("chat").start();
    program.wait_for_nodes(4);
    let nodes = reload(&program, 1);
    let master = nodes.iter().find(|who| who.pid == program.pid()).expect("it is one of them");
    for worker in workers(&nodes) {
        program.wait_for_line(&format!("met node={} peer={}", master.node, worker.node));
        program.wait_for_line(&format!("met node={} peer={}", worker.node, master.node));
    }
    program.stop();
}

#[test]
fn the_fds_and_threads_of_the_master_do_not_grow_with_reloads() {
    let program = scenario("lines").start();
    program.wait_for_nodes(4);
    let holds = || (process::fds(program.pid()).len(), process::threads(program.pid()));
    let mut before = None;
    for generation in 1..=12 {
        reload(&program, generation);
        eventually(soon(), "the old workers are gone", || program.others().len() == 3);
        if generation == 4 {
            before = Some(settled(&program, holds));
        }
        if let Some((fds, threads)) = before {
            eventually(soon(), "as many fds and threads as before", || {
                let now = holds();
                now.0 <= fds && now.1 <= threads
            });
        }
    }
    program.stop();
}

#[test]
fn a_stop_that_arrives_at_any_moment_of_a_reload_is_obeyed() {
    for moment in 0..12 {
        let program = scenario("lines").env("MULTI_NODE_NODES", "2").start();
        program.wait_for_nodes(2);
        let seen = program.lines().len();
        program.signal(Signal::SIGHUP);
        // Each line that a reload brings about is a moment of it.
        if moment > 0 {
            eventually(soon(), "the reload goes on", || {
                program.lines().len() >= seen + moment.min(3)
            });
        }
        program.stop();
    }
}

#[test]
fn options_of_the_new_version_count_from_the_reload_on() {
    let deployed = Deployed::new("nodes 2\n");
    let program = deployed.program("").start();
    program.wait_for_nodes(2);
    deployed.configure("nodes 4\n");
    let nodes = reload(&program, 1);
    assert_eq!(workers(&nodes).len(), 3, "{nodes:?}");
    for who in workers(&nodes) {
        reach(&program, |reached| reached.pid == who.pid);
    }
    deployed.configure("nodes 1\n");
    reload(&program, 2);
    eventually(soon(), "the master is alone", || program.others().is_empty());
    reach(&program, |who| who.pid == program.pid() && who.generation == 2);
    program.stop();
}

#[test]
fn a_reload_may_take_the_master_out_of_those_that_listen_and_back() {
    let deployed = Deployed::new("nodes 2\n");
    let program = deployed.program("").start();
    program.wait_for_nodes(2);
    let load = [("master_listen false\nnodes 2\n", 2), ("nodes 2\n", 1)];
    for (generation, (options, workers)) in (1..).zip(load) {
        deployed.configure(options);
        reload(&program, generation);
        eventually(soon(), "the workers are there", || program.others().len() == workers);
        reach(&program, |who| who.slot == 1 && who.generation == generation);
    }
    reach(&program, |who| who.pid == program.pid());
    program.stop();
}

#[test]
fn options_that_make_no_sense_or_panic_fail_the_reload_and_change_nothing() {
    let deployed = Deployed::new("nodes 2\n");
    let program = deployed.program("").may_panic().start();
    let old = program.wait_for_nodes(2);
    for (options, reason) in [("nodes 0\n", "nodes=\"0\": expected 1 to 256"), ("x\n", "code 101")]
    {
        deployed.configure(options);
        program.signal(Signal::SIGHUP);
        notice(&program, &["reload", "failed", reason]);
        for who in &old {
            reach(&program, |reached| reached.pid == who.pid && reached.generation == 0);
        }
    }
    program.stop();
}

#[test]
fn an_option_that_counts_at_the_start_alone_stays_and_is_named() {
    let scratch = Scratch::new();
    let pid_file = scratch.path().join("pid");
    let deployed = Deployed::new(&format!("pid_file {}\n", pid_file.display()));
    let program = deployed.program("").start();
    program.wait_for_nodes(1);
    deployed.configure("pid_file /elsewhere\n");
    reload(&program, 1);
    let named = format!("pid_file=\"/elsewhere\": stays {pid_file:?}, ");
    notice(&program, &[&named, "start it again"]);
    assert!(pid_file.exists());
    program.stop();
    assert!(!pid_file.exists());
}

#[test]
fn what_lies_at_the_path_and_is_no_program_is_named_by_its_path() {
    let scratch = Scratch::new();
    let path = scratch.copy(PROGRAM, "program");
    let program = Program::new(&path).arg("lines").start();
    let old = program.wait_for_nodes(4);
    let named = path.to_str().expect("a plain path");
    fs::remove_file(&path).expect("it is ours");
    fs::create_dir(&path).expect("it is ours");
    program.signal(Signal::SIGHUP);
    notice(&program, &["reload to generation 1 failed", named, "ermission denied"]);
    fs::remove_dir(&path).expect("it is ours");
    fs::write(&path, "no program").expect("it is ours");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    program.signal(Signal::SIGHUP);
    notice(&program, &["reload to generation 2 failed", named, "Exec format error"]);
    reach(&program, |who| who.pid == old[1].pid);
    program.stop();
}

#[test]
fn children_of_user_code_hold_nothing_and_leave_no_zombie_across_the_replacement() {
    let program = scenario("forgets-child").start();
    program.wait_for_nodes(2);
    let child = program.wait_for_line("sleeper=").field("sleeper").expect("its pid").to_owned();
    let child = nix::unistd::Pid::from_raw(child.parse().expect("a number"));
    reload(&program, 1);
    let sockets = process::listening(program.pid());
    assert!(process::listening(child).is_disjoint(&sockets), "it holds the port");
    nix::sys::signal::kill(child, Signal::SIGKILL).expect("it lives");
    eventually(soon(), "it is reaped", || process::look_up(child).is_none());
    program.stop();
}
