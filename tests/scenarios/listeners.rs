//! Listeners that left fair accept, runtimes of the user's own, thread pools.

use multi_node_tests::{HttpClient, Running, eventually};

use crate::support::{reach, refuses, scenario, soon, wait_gone, workers};

#[test]
fn a_tokio_listener_serves_on_every_node_and_drains() {
    serves_and_drains(scenario("tokio-listener").start());
}

#[test]
fn a_main_without_async_brings_its_own_runtime() {
    serves_and_drains(scenario("blocking-main").start());
}

#[test]
fn a_listener_of_the_standard_library_serves_on_every_node() {
    let program = scenario("std-listener").start();
    for who in program.wait_for_nodes(2) {
        reach(&program, |reached| reached.pid == who.pid);
    }
    program.stop();
}

#[test]
fn a_thread_pool_goes_on_while_one_of_its_threads_blocks() {
    let program = scenario("thread-pool").env("MULTI_NODE_DRAIN_TIMEOUT", "500ms").start();
    let nodes = program.wait_for_nodes(2);
    let worker = workers(&nodes)[0];
    let mut blocked = reach(&program, |who| who.pid == worker.pid);
    blocked.ask("step-aside").expect("an answer");
    reach(&program, |who| who.pid == worker.pid);
    crate::support::send(worker.pid, nix::sys::signal::Signal::SIGTERM);
    // The blocked thread is never done: the deadline of the drain ends it.
    wait_gone(&program, worker.pid);
    program.stop();
}

#[test]
fn axums_own_server_serves_on_every_node_and_leaves() {
    let program = scenario("axum-serve").start();
    for who in program.wait_for_nodes(2) {
        let node = format!("node={} ", who.node);
        eventually(soon(), "the node answers", || {
            let mut client = HttpClient::connect(program.addr()).expect("it listens");
            client.get("/").expect("an answer").body.contains(&node)
        });
    }
    program.stop();
}

/// Each node serves; on a stop what is open is served to its end.
#[track_caller]
fn serves_and_drains(program: Running) {
    let nodes = program.wait_for_nodes(2);
    let mut open: Vec<_> =
        nodes.iter().map(|who| reach(&program, |reached| reached.pid == who.pid)).collect();
    program.signal(nix::sys::signal::Signal::SIGTERM);
    refuses(&program);
    for client in &mut open {
        assert_eq!(client.ask("echo still-here").expect("an answer"), "still-here");
    }
    drop(open);
    assert_eq!(program.wait_exit(), multi_node_tests::Exit::Code(0));
    program.finish();
}
