//! Sockets that a service manager passed to the program.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use multi_node_tests::{LineClient, Program, Running, unused_port};
use nix::sys::signal::Signal;

use super::{inet, loopback};
use crate::support::{PROGRAM, fails_to_start, notice, reach_by, scenario, wait_gone};

#[test]
fn a_socket_goes_to_the_listener_of_its_name() {
    let (program, addr, _kept) = start("http", "http", "http=127.0.0.1:1");
    program.wait_for_nodes(2);
    assert_eq!(inet(&program, "http"), addr, "where it was bound, whatever the option says");
    LineClient::connect(addr).unwrap().who().unwrap();
    program.stop();
}

#[test]
fn a_single_socket_with_its_units_name_goes_to_the_only_listener() {
    let (program, addr, _kept) = start("app.socket", "http", "http=127.0.0.1:1");
    program.wait_for_nodes(2);
    LineClient::connect(addr).unwrap().who().unwrap();
    program.stop();
}

#[test]
fn what_is_left_over_is_closed_and_named() {
    let (program, addr, _kept) = start("http,other", "http,b", "http=127.0.0.1:1,b=127.0.0.1:0");
    program.wait_for_nodes(2);
    let line = notice(&program, &["LISTEN_FDS", "fd 4 \"other\"", "the listeners are http, b"]);
    assert!(!line.contains("fd 3"), "{line}");
    LineClient::connect(addr).unwrap().who().unwrap();
    LineClient::connect(inet(&program, "b")).unwrap().who().unwrap();
    program.stop();
}

#[test]
fn the_socket_listens_on_when_the_program_ends() {
    let (program, addr, kept) = start("http", "http", "http=127.0.0.1:1");
    program.wait_for_nodes(2);
    LineClient::connect(addr).unwrap().who().unwrap();
    program.stop();
    let queued = TcpStream::connect(addr).expect("its owner still listens");
    kept.accept().expect("and can accept");
    drop(queued);
}

#[test]
fn the_socket_listens_on_when_the_master_is_killed() {
    let (program, addr, kept) = start("http", "http", "http=127.0.0.1:1");
    let nodes = program.wait_for_nodes(2);
    program.signal(Signal::SIGKILL);
    for who in nodes {
        wait_gone(&program, who.pid);
    }
    let _queued = TcpStream::connect(addr).expect("its owner still listens");
    kept.accept().expect("and can accept");
    program.finish();
}

#[test]
fn sockets_for_another_process_are_ignored() {
    let kept = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = kept.local_addr().unwrap();
    let program = activated(&kept, "http", "http", "http=127.0.0.1:0").env("LISTENER_PID", "1");
    let program = program.start();
    program.wait_for_nodes(2);
    assert_ne!(inet(&program, "http"), addr);
    program.stop();
}

#[test]
fn a_socket_that_does_not_listen_ends_the_start() {
    let kept = TcpListener::bind("127.0.0.1:0").unwrap();
    let connected = TcpStream::connect(kept.local_addr().unwrap()).unwrap();
    let program = activated(&connected, "http", "http", "http=127.0.0.1:0").start();
    fails_to_start(program, &["LISTEN_FDS", "fd 3: expected a stream socket that listens"]);
}

#[test]
fn a_socket_that_was_promised_and_not_passed_on_ends_the_start() {
    let kept = TcpListener::bind("127.0.0.1:0").unwrap();
    let program = activated(&kept, "http", "http", "http=127.0.0.1:0").env("LISTENER_COUNT", "2");
    fails_to_start(program.start(), &["fd 4 of LISTEN_FDS=2", "Bad file descriptor"]);
}

#[test]
fn a_respawned_worker_and_a_reload_go_on_with_it() {
    let (program, addr, _kept) = start("http", "http", "http=127.0.0.1:1");
    let worker = crate::support::workers(&program.wait_for_nodes(2))[0];
    crate::support::replace(&program, worker);
    LineClient::connect(addr).unwrap().who().unwrap();
    program.signal(Signal::SIGHUP);
    program.wait_for_node("a new worker", |who| who.generation == 1);
    LineClient::connect(addr).unwrap().who().unwrap();
    program.stop();
    TcpStream::connect(addr).expect("its owner still listens");
}

#[test]
fn under_systemd_socket_activate_it_serves_reloads_and_grows() {
    const ACTIVATE: &str = "systemd-socket-activate";
    if !Command::new(ACTIVATE).arg("--version").output().is_ok_and(|tried| tried.status.success()) {
        eprintln!("not tried: {ACTIVATE} is not installed");
        return;
    }
    let port = unused_port();
    let addr = loopback(4, port);
    let program = Program::new(ACTIVATE)
        .args(["--setenv=MULTI_NODE_LISTEN=http=127.0.0.1:1", "--fdname=http"])
        .args([&format!("--listen={addr}"), PROGRAM, "named-lines", "http"])
        .start();
    program.wait_for_line("Listening on ");
    // Who connects first starts the program, and is served by it.
    let mut first = LineClient::connect(addr).unwrap();
    assert_eq!(first.who().unwrap().generation, 0);
    let nodes = program.wait_for_nodes(2);
    assert!(nodes.iter().any(|who| who.pid == program.pid()), "it became the master: {nodes:?}");
    for generation in 1..=2 {
        crate::support::reload(&program, generation);
        assert_eq!(LineClient::connect(addr).unwrap().who().unwrap().generation, generation);
    }
    program.signal(Signal::SIGTTIN);
    let added = program.wait_for_node("one more", |who| who.slot == 2);
    reach_by(&program, || LineClient::connect(addr), |who| who.pid == added.pid);
    program.stop();
}

/// The scenario that takes lines on `names`, given sockets called `passed`, the first of which is
/// kept by the test as a service manager keeps it.
fn start(passed: &str, names: &str, listen: &str) -> (Running, SocketAddr, TcpListener) {
    let kept = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = kept.local_addr().unwrap();
    (activated(&kept, passed, names, listen).start(), addr, kept)
}

fn activated(socket: &impl std::os::fd::AsFd, passed: &str, names: &str, listen: &str) -> Program {
    let socket = socket.as_fd().try_clone_to_owned().unwrap();
    let program = scenario("activate").arg(passed).arg("named-lines").arg(names);
    program.env("MULTI_NODE_LISTEN", listen).stdin(socket)
}
