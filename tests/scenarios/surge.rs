//! Reloads in steps, for machines short of memory: never many more processes than nodes, and all
//! the way back when a step fails.

use multi_node_tests::{Load, Running, eventually};
use nix::sys::signal::Signal;

use crate::deployed::{Deployed, runs};
use crate::support::{PROGRAM, notice, of_generation, reload, replace, scenario, soon, workers};

#[test]
fn no_more_processes_than_the_surge_come_to_the_nodes_and_no_request_is_lost() {
    for surge in [1, 2] {
        let program = scenario("http").env("MULTI_NODE_MAX_SURGE", surge.to_string()).start();
        program.wait_for_nodes(4);
        let load = Load::steady(program.addr(), 4, 4, 200);
        load.wait_for_ok(50, soon());
        for generation in 1..=2 {
            // Who stood in for the master in the last reload may still be leaving.
            eventually(soon(), "three workers are left", || program.others().len() == 3);
            let most = most_workers_of_a_reload(&program, generation);
            assert!((4..=3 + surge).contains(&most), "{most} workers, with a surge of {surge}");
        }
        load.stop_without_loss();
        program.stop();
    }
}

#[test]
fn workers_of_a_master_that_does_not_listen_are_replaced_in_steps_too() {
    let program = scenario("http").env("MULTI_NODE_MASTER_LISTEN", "false");
    let program = program.env("MULTI_NODE_MAX_SURGE", "1").env("MULTI_NODE_NODES", "3").start();
    program.wait_for_nodes(4);
    let load = Load::steady(program.addr(), 4, 4, 200);
    load.wait_for_ok(50, soon());
    assert_eq!(most_workers_of_a_reload(&program, 1), 4);
    load.stop_without_loss();
    program.stop();
}

#[test]
fn the_surge_and_the_count_are_those_of_the_new_version() {
    let deployed = Deployed::new("nodes 3\n");
    let program = deployed.program("http").start();
    program.wait_for_nodes(3);
    let load = Load::steady(program.addr(), 4, 4, 200);
    load.wait_for_ok(50, soon());
    for (generation, nodes) in (1..).zip([5, 2]) {
        deployed.configure(&format!("nodes {nodes}\nmax_surge 1\n"));
        let most = most_workers_of_a_reload(&program, generation);
        assert!(most <= 5, "{most} workers");
        eventually(soon(), "the count is right", || program.others().len() == nodes - 1);
    }
    load.stop_without_loss();
    program.stop();
}

#[test]
fn a_step_that_fails_takes_all_that_was_replaced_back_to_the_old_binary() {
    // The first that fails is the second, the fourth and the last to start.
    for (surge, fails) in [(1, 2), (2, 4), (1, 0)] {
        let options = format!("nodes 5\nmax_surge {surge}\n");
        let deployed = Deployed::new(&options);
        let running = deployed.program("http").start();
        let program = &running;
        let old = workers(&program.wait_for_nodes(5));
        let load = Load::steady(program.addr(), 4, 4, 200);
        load.wait_for_ok(50, soon());
        let second = deployed.release("2", PROGRAM);
        deployed.configure(&format!("{options}fails {fails}\n"));
        program.signal(Signal::SIGHUP);
        notice(program, &["reload to generation 1 failed", &format!("slot {fails}"), "code 9"]);
        let going_back = notice(program, &["back to generation 0"]);
        eventually(soon(), "all are of the old generation", || only(program, 0, 4));
        // Whoever was replaced is back, and nobody else: a successor that had said that it is up
        // may have had no time to take its place.
        let pids: Vec<_> = program.others().iter().map(|other| other.pid).collect();
        let mut now = of_generation(program, 0);
        now.retain(|who| pids.contains(&who.pid));
        assert!((1..=4).all(|slot| now.iter().any(|who| who.slot == slot)), "{now:?}");
        assert!(now.iter().all(|who| runs(program, who, PROGRAM)), "{now:?}");
        now.retain(|who| !old.contains(who));
        assert!(going_back.contains(&format!("]: {} worker", now.len())), "{going_back}: {now:?}");
        let new = of_generation(program, 1);
        for back in now {
            let replaced = new.iter().find(|who| who.slot == back.slot).expect("by the new one");
            assert!(runs(program, replaced, &second), "after the new one");
        }
        load.wait_for_ok(50, soon());
        load.stop_without_loss();
        // A crash now is no upgrade, and a version that is mended is.
        let worker = of_generation(program, 0).into_iter().rfind(|who| who.slot == 1);
        let respawned = replace(program, worker.expect("it is there"));
        assert!(runs(program, &respawned, PROGRAM));
        deployed.configure(&options);
        let nodes = reload(program, 2);
        assert!(nodes.iter().all(|who| runs(program, who, &second)), "{nodes:?}");
        running.stop();
    }
}

/// Reloads, and says how many workers there were at most, who drained and who rehearsed too.
#[track_caller]
fn most_workers_of_a_reload(program: &Running, generation: u32) -> usize {
    let mut most = 0;
    program.signal(Signal::SIGHUP);
    eventually(soon(), "the master is replaced", || {
        most = most.max(program.others().len());
        let nodes = of_generation(program, generation);
        nodes.iter().any(|who| who.pid == program.pid())
    });
    most
}

/// Whether so many workers run, all of this generation.
fn only(program: &Running, generation: u32, workers: usize) -> bool {
    let known = of_generation(program, generation);
    let others = program.others();
    let is_known = |pid| known.iter().any(|who| who.pid == pid);
    others.len() == workers && others.iter().all(|other| is_known(other.pid))
}
