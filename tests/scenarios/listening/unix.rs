//! Unix sockets: the file's life, and what clients see.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use multi_node_tests::{LineClient, Running, Scratch, Who, eventually};
use nix::sys::signal::Signal;

use super::{named, place};
use crate::support::{fails_to_start, reach_by, replace, send, soon, wait_gone, workers};

#[test]
fn a_unix_socket_is_served_by_every_node() {
    let scratch = Scratch::new();
    let (program, path) = start(&scratch);
    assert_eq!(place(&program, "local"), format!("unix:{}", path.display()));
    for who in program.wait_for_nodes(2) {
        reach(&program, &path, &who);
    }
    program.stop();
}

#[test]
fn the_file_has_its_mode_and_is_gone_at_the_end() {
    let scratch = Scratch::new();
    let path = scratch.path().join("app.sock");
    let listen = format!("local=unix:{}?mode=0660", path.display());
    let program = named("local", &listen).start();
    program.wait_for_nodes(2);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    program.stop();
    assert!(!path.exists());
}

#[test]
fn a_file_that_a_killed_program_left_is_replaced() {
    let scratch = Scratch::new();
    let (first, path) = start(&scratch);
    let nodes = first.wait_for_nodes(2);
    first.signal(Signal::SIGKILL);
    for who in nodes {
        wait_gone(&first, who.pid);
    }
    first.finish();
    assert!(path.exists(), "nobody was left to remove it");
    let (second, path) = start(&scratch);
    second.wait_for_nodes(2);
    connect(&path).unwrap().who().unwrap();
    second.stop();
}

#[test]
fn a_path_that_another_instance_serves_is_refused_with_its_pid() {
    let scratch = Scratch::new();
    let (first, path) = start(&scratch);
    first.wait_for_nodes(2);
    let (second, _) = start(&scratch);
    fails_to_start(second, &["already served by pid", &first.pid().to_string()]);
    connect(&path).unwrap().who().unwrap();
    first.stop();
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let scratch = Scratch::new();
    let path = scratch.path().join("app.sock");
    fs::write(&path, "precious").unwrap();
    let (program, _) = start(&scratch);
    fails_to_start(program, &["no socket", "app.sock"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_file_that_somebody_put_in_its_place_outlives_the_program() {
    let scratch = Scratch::new();
    let (program, path) = start(&scratch);
    program.wait_for_nodes(2);
    fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    program.stop();
    assert!(path.exists());
}

#[test]
fn a_stop_answers_what_has_connected_and_refuses_the_rest() {
    let scratch = Scratch::new();
    let (program, path) = start(&scratch);
    program.wait_for_nodes(2);
    let mut open = connect(&path).unwrap();
    open.who().unwrap();
    program.signal(Signal::SIGTERM);
    eventually(soon(), "connections are refused", || {
        let refused = [ErrorKind::ConnectionRefused, ErrorKind::NotFound];
        connect(&path).is_err_and(|error| refused.contains(&error.kind()))
    });
    assert_eq!(open.ask("echo still here").unwrap(), "still here");
    drop(open);
    program.wait_exit();
    program.finish();
}

#[test]
fn a_stopped_worker_strands_nobody_on_a_shared_socket() {
    let scratch = Scratch::new();
    let (program, path) = start(&scratch);
    let nodes = program.wait_for_nodes(2);
    for who in &nodes {
        reach(&program, &path, who);
    }
    let stopped = workers(&nodes)[0];
    send(stopped.pid, Signal::SIGSTOP);
    let clients: Vec<_> = (0..50).map(|_| connect(&path).unwrap()).collect();
    for mut client in clients {
        assert_eq!(client.who().unwrap().pid, program.pid());
    }
    send(stopped.pid, Signal::SIGCONT);
    program.stop();
}

#[test]
fn connections_on_a_shared_socket_are_spread_evenly() {
    let scratch = Scratch::new();
    let (program, path) = start(&scratch);
    for who in program.wait_for_nodes(2) {
        reach(&program, &path, &who);
    }
    let mut held = Vec::new();
    let mut of_master: i32 = 0;
    for _ in 0..40 {
        let mut client = connect(&path).unwrap();
        of_master += i32::from(client.who().unwrap().pid == program.pid());
        held.push(client);
    }
    // What the warming up closed may still have been counted at the beginning.
    assert!((17..=23).contains(&of_master), "{of_master} of 40");
    drop(held);
    program.stop();
}

#[test]
fn a_respawned_worker_and_a_reload_serve_the_same_file() {
    let scratch = Scratch::new();
    let (program, path) = start(&scratch);
    let worker = workers(&program.wait_for_nodes(2))[0];
    let next = replace(&program, worker);
    reach(&program, &path, &next);
    program.signal(Signal::SIGHUP);
    let next = program.wait_for_node("a new worker", |who| who.generation == 1);
    reach(&program, &path, &next);
    connect(&path).unwrap().who().unwrap();
    program.stop();
    assert!(!path.exists());
}

#[test]
fn a_name_in_the_abstract_namespace_needs_no_file() {
    use std::os::linux::net::SocketAddrExt;
    let name = format!("multi-node-test-{}", std::process::id());
    let program = named("local", &format!("local=unix:@{name}")).start();
    program.wait_for_nodes(2);
    let addr = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let mut client = LineClient::over(UnixStream::connect_addr(&addr).unwrap()).unwrap();
    client.who().unwrap();
    let second = named("local", &format!("local=unix:@{name}")).start();
    fails_to_start(second, &["already served by pid", &program.pid().to_string()]);
    drop(client);
    program.stop();
}

fn start(scratch: &Scratch) -> (Running, std::path::PathBuf) {
    let path = scratch.path().join("app.sock");
    (named("local", &format!("local=unix:{}", path.display())).start(), path)
}

fn connect(path: &Path) -> io::Result<LineClient> {
    UnixStream::connect(path).and_then(LineClient::over)
}

/// Connects until this node answers.
#[track_caller]
fn reach(program: &Running, path: &Path, wanted: &Who) {
    reach_by(program, || connect(path), |who| who.pid == wanted.pid);
}
