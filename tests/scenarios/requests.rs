//! Requests between nodes and their replies, as their users see them.

use multi_node_tests::{LineClient, Running, Who, eventually};
use nix::sys::signal::Signal;

use crate::support::{notice, reach, replace, scenario, send, soon, wait_gone, workers};

/// A program whose nodes all answer each other, and one client of each.
fn asking(may_panic: bool) -> (Running, Vec<(Who, LineClient)>) {
    let program = scenario("asks");
    let program = if may_panic { program.may_panic() } else { program }.start();
    let nodes = program.wait_for_nodes(3);
    let mut clients: Vec<(Who, LineClient)> =
        nodes.iter().map(|node| (*node, to(&program, *node))).collect();
    for (node, client) in &mut clients {
        for other in nodes.iter().filter(|other| other.node != node.node) {
            answers(client, *other);
        }
    }
    (program, clients)
}

#[track_caller]
fn to(program: &Running, node: Who) -> LineClient {
    reach(program, |who| who.pid == node.pid)
}

/// Waits until a node answers the one that this is a client of.
#[track_caller]
fn answers(client: &mut LineClient, node: Who) {
    let order = format!("echo {} 1", node.node);
    eventually(soon(), "a node answers", || client.ask(&order).expect("an answer") == "1");
}

#[test]
fn every_node_asks_every_other_thousands_of_times_at_once_and_each_gets_its_own_answer() {
    let (program, mut clients) = asking(false);
    let nodes: Vec<u64> = clients.iter().map(|(node, _)| node.node).collect();
    for (node, client) in &mut clients {
        for other in nodes.iter().filter(|other| **other != node.node) {
            client.tell(&format!("echo {other} 5000")).expect("it listens");
        }
    }
    for (_, client) in &mut clients {
        for _ in 1..nodes.len() {
            assert_eq!(client.read().expect("an answer"), "5000");
        }
    }
    drop(clients);
    program.stop();
}

#[test]
fn a_node_that_is_killed_closes_what_it_was_asked_and_its_successor_is_asked_next() {
    let (program, mut clients) = asking(false);
    let (asked, _) = clients.pop().expect("three");
    let (from, client) = &mut clients[0];
    client.tell(&format!("wait {}", asked.node)).expect("it listens");
    program.wait_for_line(&format!("asked node={} from={}", asked.node, from.node));
    let next = replace(&program, asked);
    let told = client.read().expect("an answer");
    assert_eq!(told, "the request was not answered: the other node has ended");
    let told = client.ask(&format!("wait {}", asked.node)).expect("an answer");
    assert_eq!(told, format!("node {} takes no requests of this type", asked.node));
    answers(client, next);
    drop(clients);
    program.stop();
}

#[test]
fn a_handler_learns_that_its_time_is_up_and_that_whoever_asked_was_killed() {
    let (program, mut clients) = asking(false);
    let (asked, _) = clients.remove(0);
    let (from, client) = &mut clients[0];
    let given_up = format!("given-up node={} from={}", asked.node, from.node);
    let told = client.ask(&format!("hurry {}", asked.node)).expect("an answer");
    assert_eq!(told, "no reply within 1ms");
    program.wait_for_lines(&given_up, 1);
    client.tell(&format!("wait {}", asked.node)).expect("it listens");
    program.wait_for_lines(&format!("asked node={} from={}", asked.node, from.node), 2);
    replace(&program, *from);
    program.wait_for_lines(&given_up, 2);
    drop(clients);
    program.stop();
}

#[test]
fn a_handler_that_panics_or_lets_go_does_not_reply_and_the_next_one_does() {
    let (program, mut clients) = asking(true);
    let asked = clients[0].0;
    let (_, client) = &mut clients[1];
    for order in ["panic", "let-go"] {
        let told = client.ask(&format!("{order} {}", asked.node)).expect("an answer");
        assert_eq!(told, "the handler of the request did not reply");
    }
    notice(&program, &[&format!("multi-node[{}]", asked.node), "the Do handler", "panic"]);
    answers(client, asked);
    drop(clients);
    program.stop();
}

#[test]
fn a_worker_that_leaves_answers_what_it_was_asked_before() {
    let (program, mut clients) = asking(false);
    let nodes: Vec<Who> = clients.iter().map(|(node, _)| *node).collect();
    let asked = workers(&nodes)[0];
    clients.retain(|(node, _)| node.pid != asked.pid);
    let (from, client) = &mut clients[0];
    client.tell(&format!("last {}", asked.node)).expect("it listens");
    program.wait_for_line(&format!("asked node={} from={}", asked.node, from.node));
    send(asked.pid, Signal::SIGTERM);
    assert_eq!(client.read().expect("an answer"), "done");
    wait_gone(&program, asked.pid);
    drop(clients);
    program.stop();
}
