//! Several listeners by name; IPv6 beside IPv4.

use std::net::SocketAddr;

use multi_node_tests::{
    Exit, HttpClient, LineClient, Program, Running, eventually, stderr, unused_port,
};
use nix::sys::signal::Signal;

use crate::support::{fails_to_start, is_refused, scenario, soon, wait_gone, workers};

mod activation;
mod unix;

#[test]
fn each_listener_has_its_own_app_on_every_node() {
    let program = scenario("two-apps").start();
    let nodes = program.wait_for_nodes(3);
    for name in ["http", "admin"] {
        for who in &nodes {
            let node = format!("{name} node={} ", who.node);
            eventually(soon(), &format!("{node} answers"), || {
                get(inet(&program, name)).starts_with(&node)
            });
        }
    }
    program.stop();
}

#[test]
fn the_variable_says_what_to_listen_on() {
    let (a, b) = (unused_port(), unused_port());
    let listen = format!("a=127.0.0.1:{a},b=127.0.0.1:{b}");
    let program = named("a,b", &listen).start();
    program.wait_for_nodes(2);
    assert_eq!(inet(&program, "a").port(), a);
    assert_eq!(inet(&program, "b").port(), b);
    // The first listener is where the program says that it listens.
    assert_eq!(program.addr().port(), a);
    for name in ["a", "b"] {
        LineClient::connect(inet(&program, name)).unwrap().who().unwrap();
    }
    program.stop();
}

#[test]
fn a_listener_that_nobody_named_is_an_error_that_says_which_there_are() {
    let program = named("a,c", "a=127.0.0.1:0,b=127.0.0.1:0").start();
    assert!(matches!(program.wait_exit(), Exit::Code(code) if code != 0));
    let lines = program.finish();
    let said = stderr(&lines).concat();
    assert!(said.contains("no listener \\\"c\\\": there are a, b"), "{said}");
}

#[test]
fn one_port_of_several_that_is_taken_ends_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let taken = std::net::TcpListener::bind(taken).unwrap();
    let port = taken.local_addr().unwrap().port();
    let program = named("a", &format!("a=127.0.0.1:0,b=127.0.0.1:{port}")).start();
    fails_to_start(program, &["cannot listen on 127.0.0.1", &port.to_string(), "taken"]);
}

#[test]
fn a_listener_without_an_address_ends_the_start() {
    let program = named("a", "a=127.0.0.1").start();
    let says = ["listen(a)=\"127.0.0.1\": expected an address such as"];
    assert_eq!(fails_to_start(program, &says), 78);
}

#[test]
fn a_reload_keeps_every_listener() {
    let program = scenario("two-apps").start();
    program.wait_for_nodes(3);
    let addrs = ["http", "admin"].map(|name| (name, inet(&program, name)));
    program.signal(Signal::SIGHUP);
    for (name, addr) in addrs {
        let new = |answer: String| answer.starts_with(name) && answer.contains("generation=1");
        eventually(soon(), &format!("{name} has new workers"), || new(get(addr)));
    }
    program.stop();
}

#[test]
fn a_worker_that_dies_leaves_no_listener_behind() {
    let program = scenario("two-apps").start();
    let died = workers(&program.wait_for_nodes(3))[0];
    crate::support::replace(&program, died);
    for name in ["http", "admin"] {
        for _ in 0..20 {
            assert!(get(inet(&program, name)).starts_with(name));
        }
    }
    program.stop();
}

#[test]
fn a_listener_that_one_node_accepts_from_is_served_by_that_node() {
    let program =
        named("a,b@0", "a=127.0.0.1:0,b=127.0.0.1:0").env("MULTI_NODE_NODES", "3").start();
    program.wait_for_nodes(3);
    let addr = inet(&program, "b");
    let mut clients: Vec<_> = (0..30).map(|_| LineClient::connect(addr).unwrap()).collect();
    for client in &mut clients {
        assert_eq!(client.who().unwrap().pid, program.pid());
    }
    drop(clients);
    program.stop();
}

#[test]
fn without_its_master_every_port_is_free() {
    let program = scenario("two-apps").start();
    let nodes = program.wait_for_nodes(3);
    let addrs = ["http", "admin"].map(|name| inet(&program, name));
    program.signal(Signal::SIGKILL);
    for addr in addrs {
        eventually(soon(), &format!("{addr} is free"), || is_refused(addr));
    }
    for who in nodes {
        wait_gone(&program, who.pid);
    }
    program.finish();
}

#[test]
fn version_6_takes_version_4_too() {
    let port = unused_port();
    let program = named("a", &format!("a=[::]:{port}")).start();
    program.wait_for_nodes(2);
    for addr in [loopback(4, port), loopback(6, port)] {
        LineClient::connect(addr).unwrap().who().unwrap();
    }
    program.stop();
}

#[test]
fn version_6_leaves_version_4_alone_when_told_to() {
    let port = unused_port();
    let program = named("a", &format!("a=[::]:{port}?v6only=true")).start();
    program.wait_for_nodes(2);
    LineClient::connect(loopback(6, port)).unwrap().who().unwrap();
    assert!(is_refused(loopback(4, port)));
    program.stop();
}

#[test]
fn both_versions_have_the_same_port_on_listeners_of_their_own() {
    let port = unused_port();
    let program = named("a,b", &format!("a=[::]:{port},b=0.0.0.0:{port}")).start();
    program.wait_for_nodes(2);
    for addr in [loopback(4, port), loopback(6, port)] {
        LineClient::connect(addr).unwrap().who().unwrap();
    }
    program.stop();
}

/// The scenario that takes lines on these listeners, of those that the variable names.
fn named(names: &str, listen: &str) -> Program {
    scenario("named-lines").arg(names).env("MULTI_NODE_LISTEN", listen)
}

/// Where the listener of this name listens.
#[track_caller]
fn place(program: &Running, name: &str) -> String {
    let said = program.wait_for_line(&format!("listener name={name} at="));
    said.field("at").expect("an address").to_owned()
}

#[track_caller]
fn inet(program: &Running, name: &str) -> SocketAddr {
    place(program, name).parse().expect("an internet address")
}

fn loopback(version: u8, port: u16) -> SocketAddr {
    let host = if version == 6 { "[::1]" } else { "127.0.0.1" };
    format!("{host}:{port}").parse().expect("an address")
}

fn get(addr: SocketAddr) -> String {
    let mut client = HttpClient::connect(addr).expect("it listens");
    client.get_once("/").expect("an answer").body
}
