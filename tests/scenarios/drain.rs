//! What a node that drains grants: a delay before, a grace for idle connections, and its time to
//! those that were upgraded.

use std::net::SocketAddr;
use std::time::Duration;

use multi_node_tests::{Exit, HttpClient, LineClient, Response, Running, Who, eventually, stderr};
use nix::sys::signal::Signal;

use crate::support::{
    notice, refuses, refuses_under_load, scenario, send, signals_until_it_ends, soon, successor,
    wait_gone, workers,
};

/// Longer than any test may take.
const FOR_EVER: &str = "10m";

#[test]
fn in_the_drain_delay_new_connections_are_served_and_told_to_look_elsewhere() {
    let program = scenario("http").env("MULTI_NODE_DRAIN_DELAY", FOR_EVER).start();
    program.wait_for_nodes(4);
    let addr = program.addr();
    eventually(soon(), "every node is ready", || get(addr, "/ready").body == "true");
    program.signal(Signal::SIGTERM);
    // Every node hears of it, and each in its turn: a few answers in a row come from all.
    let mut away = 0;
    eventually(soon(), "no node is ready", || {
        away = if get(addr, "/ready").body == "false" { away + 1 } else { 0 };
        away == 100
    });
    let served = get(addr, "/");
    assert_eq!((served.status, served.close), (200, false), "it does not drain yet");
    // Nobody waits for the rest of it.
    signals_until_it_ends(&program, || program.signal(Signal::SIGTERM));
    program.finish();
}

#[test]
fn after_the_drain_delay_clients_are_refused_and_were_never_reset() {
    const DELAY: Duration = Duration::from_secs(1);
    let program = scenario("http").env("MULTI_NODE_DRAIN_DELAY", "1s").start();
    program.wait_for_nodes(4);
    let took = refuses_under_load(&program, || program.signal(Signal::SIGTERM));
    assert!(took >= DELAY, "refused after {took:?}");
    program.finish();
}

#[test]
fn a_worker_that_is_told_to_leave_and_a_reload_take_no_drain_delay() {
    let program = scenario("http").env("MULTI_NODE_DRAIN_DELAY", FOR_EVER).start();
    let nodes = program.wait_for_nodes(4);
    let worker = workers(&nodes)[0];
    send(worker.pid, Signal::SIGTERM);
    wait_gone(&program, worker.pid);
    let new = successor(&program, worker);
    program.signal(Signal::SIGHUP);
    wait_gone(&program, new.pid);
    signals_until_it_ends(&program, || program.signal(Signal::SIGTERM));
    program.finish();
}

#[test]
fn drain_grace_says_how_long_an_idle_connection_is_answered() {
    let program = scenario("http")
        .env("MULTI_NODE_DRAIN_GRACE", FOR_EVER)
        .env("MULTI_NODE_DRAIN_TIMEOUT", FOR_EVER)
        .start();
    program.wait_for_nodes(4);
    let addr = program.addr();
    let connect = |_| HttpClient::connect(addr).expect("someone listens");
    let mut idle: Vec<HttpClient> = (0..8).map(connect).collect();
    for client in &mut idle {
        assert!(!client.get("/").expect("an answer").close);
    }
    program.signal(Signal::SIGTERM);
    refuses(&program);
    // However long that took.
    for client in &mut idle {
        assert!(client.get("/").expect("an answer").close);
        client.closed().expect("it closes");
    }
    assert_eq!(program.wait_exit(), Exit::Code(0));
    program.finish();
}

#[test]
fn without_a_drain_grace_idle_connections_close_and_half_sent_requests_are_answered() {
    let program = scenario("http")
        .env("MULTI_NODE_DRAIN_GRACE", "0s")
        .env("MULTI_NODE_DRAIN_TIMEOUT", FOR_EVER)
        .start();
    program.wait_for_nodes(4);
    let addr = program.addr();
    let connect = || HttpClient::connect(addr).expect("someone listens");
    let (mut idle, mut half): (Vec<_>, Vec<_>) = (0..4).map(|_| (connect(), connect())).unzip();
    for (idle, half) in idle.iter_mut().zip(&mut half) {
        idle.get("/").expect("an answer");
        half.get("/").expect("an answer");
        // What has only arrived, and nobody has read, is no request yet: it is asked to go on.
        half.send(
            "POST /count HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n",
        )
        .expect("it is open");
        assert_eq!(half.receive().expect("it is read").status, 100);
        half.send("abc").expect("it is open");
    }
    program.signal(Signal::SIGTERM);
    for client in &mut idle {
        client.closed().expect("it closes");
    }
    for client in &mut half {
        client.send("def").expect("it is open");
        assert_eq!(client.receive().expect("an answer").body, "6");
    }
    assert_eq!(program.wait_exit(), Exit::Code(0));
    program.finish();
}

#[test]
fn an_upgraded_connection_that_is_told_of_the_drain_closes_by_itself() {
    let program = scenario("upgrades").env("MULTI_NODE_DRAIN_TIMEOUT", FOR_EVER).start();
    let nodes = program.wait_for_nodes(2);
    let mut told: Vec<LineClient> =
        nodes.iter().map(|who| upgraded(&program, "/told", *who)).collect();
    program.signal(Signal::SIGTERM);
    for client in &mut told {
        assert_eq!(client.read().expect("a word"), "bye");
        client.closed().expect("it closes");
    }
    assert_eq!(program.wait_exit(), Exit::Code(0));
    program.finish();
}

#[test]
fn an_upgraded_connection_that_does_not_listen_lives_until_drain_timeout_and_no_longer() {
    let program = scenario("upgrades").env("MULTI_NODE_DRAIN_TIMEOUT", "3s").start();
    let nodes = program.wait_for_nodes(2);
    let mut deaf: Vec<LineClient> =
        nodes.iter().map(|who| upgraded(&program, "/deaf", *who)).collect();
    program.signal(Signal::SIGTERM);
    refuses(&program);
    for client in &mut deaf {
        assert_eq!(client.ask("still there?").expect("an answer"), "still there?");
    }
    for client in &mut deaf {
        client.closed().expect("it is cut");
    }
    assert_eq!(program.wait_exit(), Exit::Code(0));
    let lines = program.finish();
    let named = stderr(&lines).iter().any(|line| line.contains("slot 1") && line.contains("3s"));
    assert!(named, "the node that was over the time is named: {lines:?}");
}

#[test]
fn an_upgraded_connection_of_a_worker_that_leaves_is_cut_too() {
    let program = scenario("upgrades").env("MULTI_NODE_DRAIN_TIMEOUT", "500ms").start();
    let worker = workers(&program.wait_for_nodes(2))[0];
    let mut deaf = upgraded(&program, "/deaf", worker);
    send(worker.pid, Signal::SIGTERM);
    notice(&program, &["slot 1", "drain_timeout", "500ms"]);
    deaf.closed().expect("it is cut");
    wait_gone(&program, worker.pid);
    successor(&program, worker);
    program.stop();
}

/// Asks on a connection of its own, which it leaves open to the server until it has the answer.
#[track_caller]
fn get(addr: SocketAddr, path: &str) -> Response {
    HttpClient::connect(addr).and_then(|mut client| client.get(path)).expect("an answer")
}

/// A connection to this node that was upgraded.
#[track_caller]
fn upgraded(program: &Running, path: &str, node: Who) -> LineClient {
    let (addr, mut held) = (program.addr(), Vec::new());
    while !program.deadline().passed() {
        let mut client = LineClient::connect(addr).expect("someone listens");
        let ask = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r");
        client.tell(&format!("{ask}\nUpgrade: lines\r\n\r")).expect("it is open");
        while !client.read().expect("a head").is_empty() {}
        let who = Who::parse(&client.read().expect("a word")).expect("it names the node");
        if who.pid == node.pid {
            return client;
        }
        // Held, so that fair accept goes on to the next node.
        held.push(client);
    }
    panic!("no connection to {node:?}");
}
