//! Workers that die: they are named, replaced, and take nothing along but what they served.

use std::time::Instant;

use multi_node_tests::{HttpClient, LineClient, Load, process};
use nix::sys::signal::Signal;

use crate::support::{notice, reach, replace, scenario, send, soon, successor, wait_gone, workers};

#[test]
fn an_exit_code_is_reported_as_it_was() {
    let program = scenario("lines").start();
    program.wait_for_nodes(4);
    let mut client = reach(&program, |who| who.slot == 2);
    let worker = client.who().expect("an answer");
    client.tell("exit 42").expect("it is open");
    client.closed().expect("it died");
    let next = successor(&program, worker);
    let node = format!("node {}", worker.node);
    let pid = format!("pid {}", worker.pid);
    notice(&program, &[&node, "slot 2", &pid, "code 42"]);
    assert_ne!(next.pid, worker.pid);
    assert_eq!(next.generation, 0);
    program.stop();
}

#[test]
fn a_signal_is_reported_as_a_signal() {
    let program = scenario("lines").start();
    let nodes = program.wait_for_nodes(4);
    for (worker, signal) in workers(&nodes).into_iter().zip([Signal::SIGKILL, Signal::SIGUSR1]) {
        send(worker.pid, signal);
        let slot = format!("slot {}", worker.slot);
        notice(&program, &[&slot, &format!("pid {}", worker.pid), signal.as_str()]);
        successor(&program, worker);
    }
    let mut client = reach(&program, |who| who.slot == 3);
    let worker = client.who().expect("an answer");
    client.tell("abort").expect("it is open");
    notice(&program, &["slot 3", &format!("pid {}", worker.pid), "SIGABRT"]);
    successor(&program, worker);
    program.stop();
}

#[test]
fn a_successor_keeps_the_slot_and_has_a_number_of_its_own() {
    let program = scenario("lines").start();
    let nodes = program.wait_for_nodes(4);
    let first = workers(&nodes)[0];
    let second = replace(&program, first);
    let third = replace(&program, second);
    assert_eq!([second.slot, third.slot], [first.slot; 2]);
    assert_eq!([second.node, third.node], [4, 5]);
    reach(&program, |who| who.pid == third.pid);
    program.stop();
}

#[test]
fn the_first_respawn_is_at_once_and_the_next_ones_wait_longer_and_longer() {
    let program = scenario("lines").env("MULTI_NODE_NODES", "2").start();
    let nodes = program.wait_for_nodes(2);
    let mut worker = workers(&nodes)[0];
    let died = worker.pid;
    worker = replace(&program, worker);
    notice(&program, &[&format!("pid {died}"), "respawned at once"]);
    // 10 % of jitter either way.
    for expected in [90..=110, 180..=220, 360..=440] {
        let died = worker.pid;
        let killed = Instant::now();
        worker = replace(&program, worker);
        let waited = killed.elapsed().as_millis();
        let notice = notice(&program, &[&format!("pid {died}"), "respawned in", "ms"]);
        let said = notice.split(' ').rev().nth(1).and_then(|said| said.parse().ok());
        let said: u128 = said.expect("how long it waits");
        assert!(expected.contains(&said), "{notice}");
        assert!(waited >= said, "{waited} ms: {notice}");
    }
    program.stop();
}

#[test]
fn all_workers_may_die_at_once() {
    let program = scenario("lines").start();
    let nodes = program.wait_for_nodes(4);
    for worker in workers(&nodes) {
        send(worker.pid, Signal::SIGKILL);
    }
    for worker in workers(&nodes) {
        let next = successor(&program, worker);
        reach(&program, |who| who.pid == next.pid);
    }
    program.stop();
}

#[test]
fn killing_every_worker_in_turn_under_load_loses_only_what_was_in_flight() {
    const CLIENTS: usize = 6;
    let program = scenario("http").start();
    let nodes = program.wait_for_nodes(4);
    let load = Load::start(program.addr(), CLIENTS / 2, CLIENTS / 2);
    load.wait_for_ok(100, soon());
    for worker in workers(&nodes) {
        let before = load.counts();
        replace(&program, worker);
        load.wait_for_ok(200, soon());
        let lost = load.counts().reset - before.reset;
        assert!(lost <= CLIENTS, "{lost} requests lost, of {CLIENTS} that can be in flight");
    }
    let counts = load.stop();
    assert_eq!((counts.refused, counts.timeout, counts.wrong), (0, 0, 0), "{counts:?}");
    program.stop();
}

#[test]
fn what_queues_at_a_dead_workers_socket_is_served_by_others() {
    let program = scenario("http").start();
    let nodes = program.wait_for_nodes(4);
    let stopped = workers(&nodes);
    // Stopped, they accept nothing: about three of four connections queue at their sockets.
    for worker in &stopped {
        send(worker.pid, Signal::SIGSTOP);
    }
    let mut clients: Vec<HttpClient> =
        (0..32).map(|_| HttpClient::connect(program.addr()).expect("it is queued")).collect();
    for worker in &stopped {
        send(worker.pid, Signal::SIGKILL);
    }
    for client in &mut clients {
        assert_eq!(client.get_once("/").expect("an answer").status, 200);
    }
    program.stop();
}

#[test]
fn sigterm_to_one_worker_drains_it_and_replaces_it() {
    let program = scenario("lines").start();
    let nodes = program.wait_for_nodes(4);
    let worker = workers(&nodes)[0];
    let mut open = reach(&program, |who| who.pid == worker.pid);
    send(worker.pid, Signal::SIGTERM);
    let next = successor(&program, worker);
    reach(&program, |who| who.pid == next.pid);
    assert_eq!(open.ask("echo still-here").expect("an answer"), "still-here");
    assert!(process::is_alive(worker.pid));
    drop(open);
    wait_gone(&program, worker.pid);
    program.stop();
}

#[test]
fn sigterm_to_every_worker_in_turn_under_load_loses_nothing() {
    let program = scenario("http").start();
    let nodes = program.wait_for_nodes(4);
    let load = Load::start(program.addr(), 3, 3);
    load.wait_for_ok(100, soon());
    for worker in workers(&nodes) {
        send(worker.pid, Signal::SIGTERM);
        successor(&program, worker);
        wait_gone(&program, worker.pid);
        load.wait_for_ok(100, soon());
    }
    load.stop_without_loss();
    program.stop();
}

#[test]
fn no_zombie_is_left_while_the_program_runs() {
    let program = scenario("lines").start();
    let nodes = program.wait_for_nodes(4);
    for worker in workers(&nodes) {
        replace(&program, worker);
    }
    let members = process::group(program.pid());
    assert!(members.iter().all(|member| !member.is_zombie()), "{members:?}");
    assert_eq!(members.len(), 4);
    LineClient::connect(program.addr()).expect("someone listens").who().expect("an answer");
    program.stop();
}
