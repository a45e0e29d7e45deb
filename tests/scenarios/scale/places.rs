//! The count where sockets are not the program's to make: other users, shared sockets.

use std::io;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use multi_node_tests::{LineClient, Running, Scratch, Who, eventually, process};

use super::{grow, shrink};
use crate::support::{as_root, reach, reach_by, reload, scenario, settled, soon, workers};

#[test]
fn nodes_come_and_go_after_privileges_were_dropped() {
    let Some((_scratch, program)) = as_root("lines") else { return };
    let free = (600..1_024).rev().find(|port| TcpListener::bind(("0.0.0.0", *port)).is_ok());
    let port = free.expect("a port that nobody has").to_string();
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
    serves_until_it_is_retired(&program, added, || {
        UnixStream::connect(&path).and_then(LineClient::over)
    });
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
    serves_until_it_is_retired(&program, added, || LineClient::connect(addr));
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

/// The node gets connections, and none once it is retired.
#[track_caller]
fn serves_until_it_is_retired(
    program: &Running,
    added: Who,
    connect: impl Fn() -> io::Result<LineClient>,
) {
    drop(reach_by(program, &connect, |who| who.pid == added.pid));
    shrink(program, added);
    for _ in 0..50 {
        let who = connect().and_then(|mut client| client.who());
        assert_ne!(who.expect("an answer").pid, added.pid);
    }
}
