//! The harness itself, with programs that are no nodes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use multi_node_tests::{Exit, Load, Outcome, Program, eventually, stderr};
use nix::sys::signal::Signal;

use crate::support::soon;

fn shell(script: &str) -> Program {
    Program::new("/bin/sh").arg("-c").arg(script)
}

#[test]
fn lines_of_both_streams_and_the_exit_code_are_collected() {
    let program = shell("echo one; echo two >&2; exit 42").start();
    assert_eq!(program.wait_exit(), Exit::Code(42));
    let lines = program.finish();
    assert_eq!(lines.len(), 2);
    assert_eq!(stderr(&lines), ["two"]);
}

#[test]
fn a_signal_that_kills_is_told_from_an_exit_code() {
    let program = shell("echo up; exec tail -f /dev/null").start();
    program.wait_for_line("up");
    program.signal(Signal::SIGKILL);
    assert_eq!(program.wait_exit(), Exit::Signal(Signal::SIGKILL));
    program.finish();
}

#[test]
fn dropping_a_program_kills_its_whole_group() {
    let program = shell("tail -f /dev/null & echo child; tail -f /dev/null").start();
    program.wait_for_line("child");
    let group = program.pid();
    drop(program);
    assert_eq!(multi_node_tests::process::group(group), []);
}

#[test]
#[should_panic(expected = "the master ended before its processes")]
fn a_process_left_behind_fails_the_test() {
    shell("tail -f /dev/null & exit 0").start().finish();
}

#[test]
#[should_panic(expected = "something panicked")]
fn a_panic_in_the_output_fails_the_test() {
    shell("echo 'thread main panicked at src/main.rs:1' >&2").start().finish();
}

#[test]
fn the_deadline_ends_a_wait() {
    let started = Instant::now();
    let program = shell("exec tail -f /dev/null").deadline(Duration::from_millis(50)).start();
    let waited = std::panic::catch_unwind(|| program.wait_for_line("never"));
    assert!(waited.is_err());
    assert!(started.elapsed() >= Duration::from_millis(50));
}

#[test]
fn the_limit_on_open_files_and_the_environment_reach_the_program() {
    let program = shell("ulimit -n; echo $WORD").env("WORD", "hello").open_files(123).start();
    program.wait_for_line("123");
    program.wait_for_line("hello");
    program.finish();
}

#[test]
fn load_tells_answers_from_connections_that_close_too_early() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = server.local_addr().expect("an address");
    let load = Load::start(addr, 1, 0);
    for answered in [true, false] {
        let (mut connection, _) = server.accept().expect("a client");
        let number = read_request(&mut connection);
        if answered {
            answer(&mut connection, &number);
        }
    }
    let (mut last, _) = server.accept().expect("a client");
    drop(server);
    let number = read_request(&mut last);
    answer(&mut last, &number);
    let counts = load.until_refused();
    assert_eq!((counts.ok, counts.reset, counts.refused), (2, 1, 1));
    assert_eq!(counts.failed(), 2);
}

#[test]
fn load_takes_an_answer_to_another_request_for_a_wrong_one() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let load = Load::start(server.local_addr().expect("an address"), 1, 0);
    let (mut connection, _) = server.accept().expect("a client");
    drop(server);
    read_request(&mut connection);
    answer(&mut connection, "4711");
    let counts = load.until_refused();
    assert_eq!((counts.ok, counts.wrong), (0, 1));
    assert_eq!(counts.failures[0].outcome, Outcome::Wrong);
}

#[test]
fn a_steady_load_goes_on_when_it_is_refused() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = server.local_addr().expect("an address");
    drop(server);
    let load = Load::steady(addr, 1, 1, 1_000);
    eventually(soon(), "both clients are refused again", || load.counts().refused > 3);
    let counts = load.stop();
    assert!(counts.failures.iter().all(|failure| failure.outcome == Outcome::Refused));
}

#[test]
fn a_kept_connection_is_asked_again_and_again() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let load = Load::start(server.local_addr().expect("an address"), 0, 1);
    let (mut connection, _) = server.accept().expect("a client");
    drop(server);
    for _ in 0..3 {
        let number = read_request(&mut connection);
        answer(&mut connection, &number);
    }
    load.wait_for_ok(0, soon());
    drop(connection);
    let counts = load.until_refused();
    assert_eq!((counts.ok, counts.failed() - counts.reset), (3, 1));
}

/// Reads a request and returns its number.
fn read_request(connection: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte).expect("a request");
        request.extend(byte);
    }
    let request = String::from_utf8(request).expect("words");
    let number = request.split(['=', ' ']).nth(2).expect("a number");
    number.to_owned()
}

fn answer(connection: &mut TcpStream, number: &str) {
    let body = format!("node=1 slot=1 generation=0 pid=1 request={number}");
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    connection.write_all(format!("{head}{body}").as_bytes()).expect("the client waits");
}
