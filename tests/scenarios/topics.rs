//! Topics, as their users see them.

use std::collections::BTreeSet;

use multi_node_tests::{LineClient, Running, Who, eventually};
use nix::sys::signal::Signal;

use crate::support::{reach, reload, replace, send, soon, talking, workers};

#[test]
fn what_is_published_goes_to_the_nodes_that_subscribed_and_to_no_other() {
    let program = talking(module_path!(), "topics").start();
    let nodes = program.wait_for_nodes(4);
    let mut clients = clients(&program, &nodes);
    let (one, two) = (nodes[1].node, nodes[2].node);
    assert_eq!(ask(&mut clients[1], "publish room nobody"), "");
    for subscriber in [1, 2] {
        assert_eq!(ask(&mut clients[subscriber], "subscribe room"), "subscribed");
    }
    // In effect at once, on every node.
    for (from, client) in nodes.iter().zip(&mut clients) {
        let text = format!("from-{}", from.node);
        let mut expected = [one, two];
        expected.sort_unstable();
        let expected = expected.map(|node| node.to_string()).join(" ");
        assert_eq!(ask(client, &format!("publish room {text}")), expected);
        for node in [one, two] {
            got(&program, node, from.node, "room", &text);
        }
    }
    assert_eq!(ask(&mut clients[1], "leave room"), "left");
    eventually(soon(), "the publisher hears that node 1 left", || {
        ask(&mut clients[3], "publish room more") == two.to_string()
    });
    drop(clients);
    let lines = program.stop();
    let others = [nodes[0].node, nodes[3].node].map(|node| format!("got node={node} "));
    let strays: Vec<_> = lines
        .iter()
        .filter(|line| others.iter().any(|other| line.text.starts_with(other)))
        .collect();
    assert!(strays.is_empty(), "{strays:?}");
}

#[test]
fn a_killed_node_is_published_to_no_more_and_its_successor_is_told_of_all_subscriptions() {
    let program = talking(module_path!(), "topics").start();
    let nodes = program.wait_for_nodes(4);
    let mut clients = clients(&program, &nodes);
    let killed = workers(&nodes)[0];
    let index = |who: Who| nodes.iter().position(|other| *other == who).expect("one of them");
    let stays = workers(&nodes)[1];
    for subscriber in [killed, stays] {
        assert_eq!(ask(&mut clients[index(subscriber)], "subscribe room"), "subscribed");
    }
    let next = replace(&program, killed);
    eventually(soon(), "the killed node is forgotten", || {
        ask(&mut clients[index(stays)], "publish room alone") == stays.node.to_string()
    });
    let mut successor = reach(&program, |who| *who == next);
    eventually(soon(), "the successor is told", || {
        ask(&mut successor, "subscribers room") == stays.node.to_string()
    });
    assert_eq!(ask(&mut successor, "publish room new"), stays.node.to_string());
    got(&program, stays.node, next.node, "room", "new");
    drop((clients, successor));
    program.stop();
}

/// The test is the other way in which a node hears of a subscription: it orders the next to publish
/// as soon as the last says that it has subscribed.
#[test]
fn a_node_publishes_to_all_that_have_subscribed_whichever_asked_for_links_first() {
    let program = talking(module_path!(), "late-topics").start();
    let mut nodes = program.wait_for_nodes(4);
    let mut subscribed = BTreeSet::new();
    for round in 0..6 {
        // Half of them are new, and have no links yet.
        for (at, who) in nodes.iter().enumerate() {
            let mut client = reach(&program, |other| other == who);
            let publishes = format!("publish room {round}-{}", who.node);
            if at % 2 == 0 {
                assert_eq!(numbers(&ask(&mut client, &publishes)), subscribed);
            }
            if subscribed.insert(who.node) {
                assert_eq!(ask(&mut client, "subscribe room"), "subscribed");
            }
            assert_eq!(numbers(&ask(&mut client, &publishes)), subscribed);
        }
        for died in workers(&nodes).into_iter().skip(round % 2).take(2) {
            let next = replace(&program, died);
            subscribed.remove(&died.node);
            nodes.retain(|who| who.node != died.node);
            nodes.push(next);
        }
        let mut client = reach(&program, |who| who.slot == 0);
        eventually(soon(), "the dead are forgotten", || {
            numbers(&ask(&mut client, "subscribers room")) == subscribed
        });
    }
    program.stop();
}

#[test]
fn nodes_of_a_reload_publish_to_those_before_them_for_as_long_as_they_drain() {
    let program = talking(module_path!(), "topics").start();
    let nodes = program.wait_for_nodes(4);
    let old = workers(&nodes)[0];
    let mut client = reach(&program, |who| *who == old);
    assert_eq!(ask(&mut client, "subscribe room"), "subscribed");
    for new in workers(&reload(&program, 1)) {
        let mut successor = reach(&program, |who| *who == new);
        let text = format!("from-{}", new.node);
        assert_eq!(ask(&mut successor, &format!("publish room {text}")), old.node.to_string());
        got(&program, old.node, new.node, "room", &text);
    }
    drop(client);
    program.stop();
}

#[test]
fn a_stopped_node_holds_up_neither_who_publishes_elsewhere_nor_what_goes_to_others() {
    let program = talking(module_path!(), "topics").start();
    let nodes = program.wait_for_nodes(4);
    let mut clients = clients(&program, &nodes);
    let at = nodes.iter().position(|who| who.slot == 0).expect("the master serves");
    let [stopped, lively, _] = workers(&nodes)[..] else { panic!("three workers: {nodes:?}") };
    let of = |who: Who| nodes.iter().position(|other| *other == who).expect("one of them");
    for (subscriber, room) in [(stopped, "both"), (lively, "both"), (lively, "one")] {
        assert_eq!(ask(&mut clients[of(subscriber)], &format!("subscribe {room}")), "subscribed");
    }
    send(stopped.pid, Signal::SIGSTOP);
    for n in 0..100 {
        assert_eq!(ask(&mut clients[at], &format!("publish one {n}")), lively.node.to_string());
        // There is room in the window and in the link.
        ask(&mut clients[at], &format!("publish both {n}"));
    }
    got(&program, lively.node, nodes[at].node, "one", "99");
    got(&program, lively.node, nodes[at].node, "both", "99");
    send(stopped.pid, Signal::SIGCONT);
    got(&program, stopped.node, nodes[at].node, "both", "99");
    drop(clients);
    program.stop();
}

#[test]
fn order_holds_on_a_topic_while_nodes_are_killed() {
    let program = talking(module_path!(), "topic-lockstep").start();
    let nodes = program.wait_for_nodes(4);
    program.wait_for_lines("going node=", 16);
    for worker in workers(&nodes) {
        let next = replace(&program, worker).node;
        program.wait_for_line(&format!("going node={next} from=0"));
        program.wait_for_line(&format!("going node=0 from={next}"));
        program.wait_for_line(&format!("going node={next} from={next}"));
    }
    // A message out of order is a panic, and that fails the test.
    program.stop();
}

/// A connection to each of the nodes, once every one of them knows that all have subscribed to
/// `all`: they are all linked.
#[track_caller]
fn clients(program: &Running, nodes: &[Who]) -> Vec<LineClient> {
    let mut all: Vec<u64> = nodes.iter().map(|who| who.node).collect();
    all.sort_unstable();
    let all = all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let mut clients: Vec<LineClient> =
        nodes.iter().map(|node| reach(program, |who| who == node)).collect();
    for client in &mut clients {
        eventually(soon(), "all nodes are linked", || ask(client, "subscribers all") == all);
    }
    clients
}

#[track_caller]
fn ask(client: &mut LineClient, order: &str) -> String {
    client.ask(order).expect("an answer")
}

#[track_caller]
fn got(program: &Running, node: u64, from: u64, topic: &str, text: &str) {
    program.wait_for_line(&format!("got node={node} from={from} topic={topic} text={text}"));
}

fn numbers(list: &str) -> BTreeSet<u64> {
    list.split_whitespace().map(|number| number.parse().expect("a number")).collect()
}
