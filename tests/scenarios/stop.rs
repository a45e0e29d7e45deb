//! SIGTERM, SIGINT and SIGQUIT: what is in flight ends well, then the program does.

use std::thread;

use multi_node_tests::{Exit, HttpClient, LineClient, Running};
use nix::sys::signal::Signal;

use crate::support::{
    HALF, reach, refuses, refuses_under_load, scenario, send, signals_until_it_ends, workers,
};

#[test]
fn each_of_the_three_signals_is_a_graceful_stop() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
        let program = scenario("lines").start();
        program.wait_for_nodes(4);
        program.signal(signal);
        assert_eq!(program.wait_exit(), Exit::Code(0), "{signal}");
        program.finish();
    }
}

#[test]
fn a_stop_during_the_start_is_one_too() {
    let program = scenario("lines").start();
    program.wait_for_ups(1);
    program.stop();
}

#[test]
fn a_worker_that_never_got_ready_does_not_hold_a_stop_up() {
    let program = scenario("never-ready").env("MULTI_NODE_DRAIN_TIMEOUT", "100ms").start();
    program.wait_for_line("waiting node=");
    program.stop();
}

#[test]
fn an_open_connection_is_served_to_its_end_in_every_node() {
    let program = scenario("lines").start();
    let nodes = program.wait_for_nodes(4);
    let mut open: Vec<LineClient> =
        nodes.iter().map(|who| reach(&program, |reached| reached.pid == who.pid)).collect();
    program.signal(Signal::SIGTERM);
    refuses(&program);
    for client in &mut open {
        assert_eq!(client.ask("echo still-here").expect("an answer"), "still-here");
    }
    assert_eq!(program.exit(), None);
    drop(open);
    assert_eq!(program.wait_exit(), Exit::Code(0));
    program.finish();
}

#[test]
fn a_request_that_is_half_sent_is_still_answered() {
    let program = scenario("http").start();
    program.wait_for_nodes(4);
    let mut slow: Vec<HttpClient> = (0..8).map(|_| connect(&program)).collect();
    for client in &mut slow {
        client.send(HALF).expect("it is open");
    }
    program.signal(Signal::SIGTERM);
    refuses(&program);
    for client in &mut slow {
        client.send("def").expect("it is open");
        let response = client.receive().expect("an answer");
        assert_eq!((response.body.as_str(), response.close), ("6", true));
        client.closed().expect("it closes");
    }
    assert_eq!(program.wait_exit(), Exit::Code(0));
    program.finish();
}

#[test]
fn a_response_that_the_client_reads_slowly_is_sent_to_its_end() {
    let program = scenario("http").start();
    program.wait_for_nodes(4);
    let mut client = connect(&program);
    // More than the buffers between the two hold, and nobody reads yet.
    client.send("GET /large HTTP/1.1\r\nHost: test\r\n\r\n").expect("it is open");
    program.signal(Signal::SIGTERM);
    refuses(&program);
    let response = client.receive().expect("an answer");
    assert_eq!(response.body.len(), 64 << 20);
    drop(client);
    assert_eq!(program.wait_exit(), Exit::Code(0));
    program.finish();
}

#[test]
fn a_connection_kept_alive_gets_an_answer_that_says_close() {
    // A busy machine may keep a client from using the usual grace of a second.
    let program = scenario("http").env("MULTI_NODE_DRAIN_GRACE", "20s").start();
    program.wait_for_nodes(4);
    let mut kept: Vec<HttpClient> = (0..8).map(|_| connect(&program)).collect();
    for client in &mut kept {
        assert!(!client.get("/").expect("an answer").close);
    }
    let askers: Vec<_> = kept
        .into_iter()
        .map(|mut client| {
            thread::spawn(move || {
                loop {
                    if client.get("/").expect("an answer").close {
                        return client.closed().expect("it closes");
                    }
                }
            })
        })
        .collect();
    program.signal(Signal::SIGTERM);
    for asker in askers {
        asker.join().expect("every answer came");
    }
    assert_eq!(program.wait_exit(), Exit::Code(0));
    program.finish();
}

#[test]
fn an_idle_connection_does_not_hold_the_program_up() {
    let program = scenario("http").start();
    program.wait_for_nodes(4);
    let mut idle: Vec<HttpClient> = (0..8).map(|_| connect(&program)).collect();
    for client in idle.iter_mut().take(4) {
        client.get("/").expect("an answer");
    }
    program.signal(Signal::SIGTERM);
    for client in &mut idle {
        client.closed().expect("it closes");
    }
    assert_eq!(program.wait_exit(), Exit::Code(0));
    program.finish();
}

#[test]
fn under_load_clients_are_answered_and_then_refused_but_never_reset() {
    let program = scenario("http").start();
    program.wait_for_nodes(4);
    refuses_under_load(&program, || program.signal(Signal::SIGTERM));
    program.finish();
}

#[test]
fn ctrl_c_in_a_terminal_reaches_all_processes_and_is_no_different() {
    let program = scenario("http").start();
    program.wait_for_nodes(4);
    refuses_under_load(&program, || program.signal_group(Signal::SIGINT));
    program.finish();
}

#[test]
fn ctrl_c_waits_for_open_connections_too() {
    let program = scenario("lines").start();
    let nodes = program.wait_for_nodes(4);
    let mut open: Vec<LineClient> =
        nodes.iter().map(|who| reach(&program, |reached| reached.pid == who.pid)).collect();
    program.signal_group(Signal::SIGINT);
    refuses(&program);
    for client in &mut open {
        assert_eq!(client.ask("echo still-here").expect("an answer"), "still-here");
    }
    drop(open);
    assert_eq!(program.wait_exit(), Exit::Code(0));
    program.finish();
}

#[test]
fn an_impatient_second_signal_kills_at_once() {
    let program = scenario("lines").start();
    let nodes = program.wait_for_nodes(4);
    let worker = workers(&nodes)[0];
    let _open = reach(&program, |who| who.pid == worker.pid);
    let mut blocked = reach(&program, |who| who.slot == 2);
    blocked.ask("block").expect("an answer");
    // The drain alone would take 30 s.
    signals_until_it_ends(&program, || program.signal_group(Signal::SIGINT));
    program.finish();
}

#[test]
fn a_stopped_worker_does_not_hold_the_program_up_for_ever() {
    let program = scenario("lines").env("MULTI_NODE_DRAIN_TIMEOUT", "300ms").start();
    let nodes = program.wait_for_nodes(4);
    send(workers(&nodes)[0].pid, Signal::SIGSTOP);
    program.stop();
}

#[track_caller]
fn connect(program: &Running) -> HttpClient {
    HttpClient::connect(program.addr()).expect("someone listens")
}
