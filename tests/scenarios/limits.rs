//! Workers that have done enough: replaced before they do harm, and without any.

use multi_node_tests::{HttpClient, Load, Program, Who};

use crate::support::{scenario, soon, successor, workers};

#[test]
fn a_worker_that_accepted_enough_is_replaced_without_a_failed_request() {
    every_worker_is_replaced(scenario("http").env("MULTI_NODE_MAX_CONNECTIONS", "100"));
}

#[test]
fn a_worker_that_is_old_is_replaced_without_a_failed_request() {
    every_worker_is_replaced(scenario("http").env("MULTI_NODE_MAX_LIFETIME", "2s"));
}

#[test]
fn a_worker_that_grew_too_large_is_replaced_without_a_failed_request() {
    let program = scenario("http")
        .env("MULTI_NODE_MAX_MEMORY", "60M")
        .env("MULTI_NODE_HANG_TIMEOUT", "2s")
        .start();
    let nodes = program.wait_for_nodes(4);
    let load = Load::start(program.addr(), 2, 2);
    load.wait_for_ok(100, soon());
    let mut client = to_a_worker(&program, &nodes);
    let worker = who(&mut client);
    assert_eq!(client.get("/leak").expect("an answer").status, 200);
    drop(client);
    successor(&program, worker);
    load.wait_for_ok(100, soon());
    load.stop_without_loss();
    program.stop();
}

/// Under load every worker reaches its limit, and nobody notices.
fn every_worker_is_replaced(program: Program) {
    let program = program.start();
    let nodes = program.wait_for_nodes(4);
    let load = Load::start(program.addr(), 3, 1);
    for worker in workers(&nodes) {
        let next = successor(&program, worker);
        assert_eq!(next.generation, worker.generation);
    }
    load.wait_for_ok(100, soon());
    let counts = load.stop_without_loss();
    let master = counts.by_process.get(&nodes[0].pid).copied().unwrap_or_default();
    assert!(master > 0, "the master's own node is never retired: {counts:?}");
    program.stop();
}

/// A kept connection to one of the workers.
fn to_a_worker(program: &multi_node_tests::Running, nodes: &[Who]) -> HttpClient {
    let mut elsewhere = Vec::new();
    while !program.deadline().passed() {
        let mut client = HttpClient::connect(program.addr()).expect("it listens");
        if workers(nodes).iter().any(|worker| worker.pid == who(&mut client).pid) {
            return client;
        }
        elsewhere.push(client);
    }
    panic!("{} connections all went to the master", elsewhere.len());
}

fn who(client: &mut HttpClient) -> Who {
    Who::parse(&client.get("/").expect("an answer").body).expect("it says who it is")
}
