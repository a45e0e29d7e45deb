//! SIGHUP: new workers first, then the old ones leave, and no request is lost.

use std::fs;

use multi_node_tests::{HttpClient, Load, Running, Who};
use nix::sys::signal::Signal;

use crate::deployed::{Deployed, runs};
use crate::support::{
    HALF, PROGRAM, notice, reach, reload, replace, scenario, soon, successor, wait_gone, workers,
};

#[test]
fn every_worker_is_replaced() {
    let program = scenario("lines").start();
    let old = program.wait_for_nodes(4);
    let new = workers(&reload(&program, 1));
    assert_eq!(new.len(), 3, "{new:?}");
    for worker in workers(&old) {
        wait_gone(&program, worker.pid);
    }
    assert!(new.iter().all(|who| who.node > 3));
    for who in &new {
        reach(&program, |reached| reached.pid == who.pid);
    }
    program.stop();
}

#[test]
fn an_open_connection_stays_with_the_old_worker_until_it_closes() {
    let program = scenario("lines").start();
    let old = program.wait_for_nodes(4);
    let worker = workers(&old)[0];
    let mut open = reach(&program, |who| who.pid == worker.pid);
    program.signal(Signal::SIGHUP);
    let next = successor(&program, worker);
    reach(&program, |who| who.pid == next.pid);
    assert_eq!(open.who().expect("an answer"), worker);
    drop(open);
    wait_gone(&program, worker.pid);
    program.stop();
}

#[test]
fn a_storm_of_reloads_loses_no_request_new_or_kept_alive() {
    const RELOADS: u32 = 20;
    let program = scenario("http").start();
    program.wait_for_nodes(4);
    let load = Load::start(program.addr(), 3, 3);
    load.wait_for_ok(100, soon());
    for generation in 1..=RELOADS {
        reload(&program, generation);
        load.wait_for_ok(20, soon());
    }
    load.wait_for_ok(100, soon());
    load.stop_without_loss();
    program.stop();
}

#[test]
fn reloads_asked_for_during_a_reload_are_one_more() {
    let program = scenario("lines").start();
    program.wait_for_nodes(4);
    for _ in 0..50 {
        program.signal(Signal::SIGHUP);
    }
    // However the fifty fall together, the last one is obeyed: whoever came before it leaves.
    let before = workers(&program.wait_for_nodes(4));
    generation(&program, 1, 3);
    for worker in before {
        wait_gone(&program, worker.pid);
    }
    program.stop();
}

#[test]
fn a_request_in_flight_is_finished_by_the_old_worker() {
    let program = scenario("http").start();
    let old = program.wait_for_nodes(4);
    let mut slow: Vec<HttpClient> =
        (0..8).map(|_| HttpClient::connect(program.addr()).expect("someone listens")).collect();
    for client in &mut slow {
        client.send(HALF).expect("it is open");
    }
    program.signal(Signal::SIGHUP);
    generation(&program, 1, 3);
    for client in &mut slow {
        client.send("def").expect("it is open");
        assert_eq!(client.receive().expect("an answer").body, "6");
    }
    drop(slow);
    for worker in workers(&old) {
        wait_gone(&program, worker.pid);
    }
    program.stop();
}

#[test]
fn a_reload_takes_the_new_binary_and_a_respawn_the_one_it_had() {
    let deployed = Deployed::new("nodes 4\n");
    let program = deployed.program("").start();
    let nodes = program.wait_for_nodes(4);
    let second = deployed.release("2", PROGRAM);
    let respawned = replace(&program, workers(&nodes)[0]);
    assert!(runs(&program, &respawned, PROGRAM), "a crash is no upgrade");
    program.signal(Signal::SIGHUP);
    for who in generation(&program, 1, 3) {
        assert!(runs(&program, &who, &second), "a reload is one");
    }
    program.stop();
}

#[test]
fn a_binary_that_was_replaced_does_not_keep_a_worker_from_coming_back() {
    let deployed = Deployed::new("nodes 4\n");
    let first = deployed.release("1", PROGRAM);
    let running = deployed.program("").start();
    let nodes = running.wait_for_nodes(4);
    fs::remove_file(deployed.current()).expect("it is ours");
    fs::remove_file(first).expect("it is ours");
    let worker = replace(&running, workers(&nodes)[0]);
    reach(&running, |who| who.pid == worker.pid);
    let comm = multi_node_tests::process::look_up(worker.pid).expect("it lives").comm;
    assert_eq!(comm, "current:1");
    running.stop();
}

#[test]
fn a_broken_new_binary_leaves_the_old_one_serving() {
    let deployed = Deployed::new("nodes 4\n");
    let running = deployed.program("").start();
    let nodes = running.wait_for_nodes(4);
    deployed.release("2", "/bin/false");
    running.signal(Signal::SIGHUP);
    notice(&running, &["reload", "generation 1"]);
    for who in &nodes {
        let mut client = reach(&running, |reached| reached.pid == who.pid);
        assert_eq!(client.who().expect("an answer"), *who);
    }
    // And once it is mended, the next reload works.
    deployed.release("3", PROGRAM);
    running.signal(Signal::SIGHUP);
    generation(&running, 2, 3);
    running.stop();
}

#[test]
fn a_new_binary_that_is_missing_leaves_the_old_one_serving() {
    let deployed = Deployed::new("nodes 4\n");
    let running = deployed.program("").start();
    let nodes = running.wait_for_nodes(4);
    fs::remove_file(deployed.current()).expect("it is ours");
    running.signal(Signal::SIGHUP);
    notice(&running, &["reload", "generation 1"]);
    for who in &nodes {
        reach(&running, |reached| reached.pid == who.pid);
    }
    running.stop();
}

#[test]
fn a_stop_during_a_reload_stops_both_generations() {
    let program = scenario("lines").start();
    program.wait_for_nodes(4);
    program.signal(Signal::SIGHUP);
    program.wait_for_node("one of the new generation", |who| who.generation == 1);
    program.stop();
}

/// Waits until as many nodes of a generation are up.
#[track_caller]
fn generation(program: &Running, generation: u32, count: usize) -> Vec<Who> {
    let pattern = format!("generation={generation} ");
    let up = program.wait_for_lines(&pattern, count);
    up.iter().map(|line| Who::parse(&line.text).expect("an `up` line")).collect()
}
