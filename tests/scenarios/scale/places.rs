//! The count where sockets are not the program's to make: other users, shared sockets.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use multi_node_tests::{LineClient, Program, Scratch, Who, eventually, process};
use nix::unistd::geteuid;

use super::{grow, shrink};
use crate::support::{PROGRAM, reach, reload, scenario, settled, soon, workers};

#[test]
fn nodes_come_and_go_after_privileges_were_dropped() {
    if !geteuid().is_root() {
        eprintln!("not tried: only root can become another user");
        return;
    }
    let scratch = Scratch::new();
    let free = (600..1_024).rev().find(|port| TcpListener::bind(("0.0.0.0", *port)).is_ok());
    let port = free.expect("a port that nobody has").to_string();
    let program = Program::new(scratch.copy(PROGRAM, "program")).arg("lines");
    let program = program.env("MULTI_NODE_USER", "nobody").env("MULTI_NODE_NODES", "2");
    let program = program.env("MULTI_NODE_PORT", port).start();
    program.wait_for_nodes(2);
    for slot in 2..8 {
        let added = grow(&program, slot);
        reach(&program, |who| who.pid == added.pid);
    }
    let nodes = workers(&reload(&program, 1));
    assert_eq!(nodes.len(), 7);
    eventually(soon(), "the old ones have gone", || program.others().len() == 7);
    let added = grow(&program, 8);
    reach(&program, |who| who.pid == added.pid);
    shrink(&program, added);
    program.stop();
}

#[test]
fn nodes_come_and_go_on_a_unix_socket() {
    let scratch = Scratch::new();
    let path = scratch.path().join("app.sock");
    let listen = format!("local=unix:{}", path.display());
    let program = scenario("named-lines").arg("local").env("MULTI_NODE_LISTEN", listen).start();
    program.wait_for_nodes(2);
    let added = grow(&program, 2);
    let mut held = Vec::new();
    eventually(soon(), "the one that was added answers", || {
        let (who, client) = ask(&path);
        held.push(client);
        who.pid == added.pid
    });
    drop(held);
    shrink(&program, added);
    for _ in 0..50 {
        assert_ne!(ask(&path).0.pid, added.pid);
    }
    program.stop();
}

#[test]
fn nodes_come_and_go_on_a_socket_that_was_passed_on() {
    let kept = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = kept.local_addr().expect("it is bound");
    let socket = kept.as_fd().try_clone_to_owned().expect("there is room for an fd");
    let program = scenario("activate").args(["http", "named-lines", "http"]);
    let program = program.env("MULTI_NODE_LISTEN", "http=127.0.0.1:1").stdin(socket).start();
    program.wait_for_nodes(2);
    let added = grow(&program, 2);
    let mut held = Vec::new();
    eventually(soon(), "the one that was added answers", || {
        let mut client = LineClient::connect(addr).expect("it listens");
        let who = client.who().expect("an answer");
        held.push(client);
        who.pid == added.pid
    });
    drop(held);
    shrink(&program, added);
    for _ in 0..50 {
        let who = LineClient::connect(addr).and_then(|mut client| client.who());
        assert_ne!(who.expect("an answer").pid, added.pid);
    }
    program.stop();
}

#[test]
fn a_family_that_grew_and_shrank_leaves_the_master_with_the_fds_of_its_largest_size() {
    let program = scenario("lines").env("MULTI_NODE_NODES", "2").start();
    program.wait_for_nodes(2);
    let added = grow(&program, 2);
    shrink(&program, added);
    let before = settled(&program, || process::fds(program.pid()).len());
    for _ in 0..5 {
        let added = grow(&program, 2);
        shrink(&program, added);
    }
    eventually(soon(), "the master has no more fds than after the first time", || {
        process::fds(program.pid()).len() <= before
    });
    program.stop();
}

/// Which node answers, and the connection to it.
#[track_caller]
fn ask(path: &Path) -> (Who, BufReader<UnixStream>) {
    let mut client = UnixStream::connect(path).expect("it listens");
    client.set_read_timeout(Some(Duration::from_secs(20))).expect("it is not zero");
    client.write_all(b"who\n").expect("it is open");
    let (mut client, mut answer) = (BufReader::new(client), String::new());
    client.read_line(&mut answer).expect("an answer");
    (Who::parse(&answer).expect("a node"), client)
}
