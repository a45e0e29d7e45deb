//! Descriptors and live connections between nodes, as their users see them.

use multi_node_tests::{LineClient, Program, Running, Who, eventually, process};
use nix::sys::signal::Signal;

use crate::messages::met;
use crate::support::{
    freeze, reach, reload, scenario, send, settled, soon, successor, wait_gone, workers,
};

#[test]
fn a_connection_goes_from_node_to_node_with_half_a_line_and_talks_on() {
    let (program, nodes) = started(handing());
    let mut client = to(&program, nodes[0]);
    for round in 0..3 {
        for node in nodes[1..].iter().chain(&nodes[..1]) {
            client.write(&format!("to {}\nwh", node.node)).expect("it listens");
            program.wait_for_lines(&format!("took node={} ", node.node), round + 1);
            let answer = client.ask("o").expect("an answer");
            assert_eq!(Who::parse(&answer), Some(*node));
        }
    }
    drop(client);
    program.stop();
}

#[test]
fn a_receiver_that_is_killed_at_that_moment_leaves_the_connection_where_it_was() {
    let (program, nodes) = started(handing());
    let [from, target] = [nodes[0], nodes[1]];
    let mut client = to(&program, from);
    freeze(target.pid);
    client.tell(&format!("to {}\nwho", target.node)).expect("it listens");
    send(target.pid, Signal::SIGKILL);
    assert_eq!(Who::parse(&client.read().expect("an answer")), Some(from));
    let kept = program.wait_for_line(&format!("kept node={} why=", from.node));
    assert!(kept.text.ends_with("the other node has ended"), "{}", kept.text);
    let next = successor(&program, target);
    eventually(soon(), "the successor takes it", || goes(&mut client, next) == next);
    drop(client);
    program.stop();
}

#[test]
fn a_sender_that_is_killed_takes_along_what_it_had_not_handed_over_and_nothing_else() {
    let (program, nodes) = started(handing());
    let [from, target] = [workers(&nodes)[0], workers(&nodes)[1]];
    let (mut given, mut going) = (to(&program, from), to(&program, from));
    assert_eq!(goes(&mut given, target), target);
    freeze(target.pid);
    going.tell(&format!("to {}", target.node)).expect("it listens");
    let gives = format!("gives node={} to={}", from.node, target.node);
    program.wait_for_lines(&gives, 2);
    send(from.pid, Signal::SIGKILL);
    wait_gone(&program, from.pid);
    send(target.pid, Signal::SIGCONT);
    going.closed().expect("nobody has it");
    assert_eq!(given.who().expect("an answer"), target);
    drop(given);
    program.stop();
}

#[test]
fn files_arrive_with_their_messages_and_nobody_leaks_one() {
    let (program, nodes) = started(handing());
    let mut client = to(&program, nodes[0]);
    let mut round = |number: usize| {
        for node in &nodes[1..] {
            for count in [0, 1, 16] {
                let text = format!("{number}-{count}");
                let sent = client.ask(&format!("pass {} {count} {text}", node.node));
                assert_eq!(sent.expect("an answer"), "sent");
                let all = format!("text={text} files={count} same={count}");
                let from = nodes[0].node;
                program.wait_for_line(&format!("passed node={} from={from} {all}", node.node));
            }
            let refused = client.ask(&format!("pass {} 17 much", node.node)).expect("an answer");
            assert_eq!(refused, "the message has more than 16 descriptors");
            client.tell(&format!("to {}\nto {}", node.node, nodes[0].node)).expect("it listens");
            assert_eq!(client.who().expect("an answer"), nodes[0]);
        }
    };
    round(0);
    let before = settled(&program, || fds(&nodes));
    (1..40).for_each(round);
    // A ring may have been let go of meanwhile.
    eventually(soon(), "the fds are as they were", || {
        fds(&nodes).iter().zip(&before).all(|(now, before)| now <= before)
    });
    drop(client);
    program.stop();
}

#[test]
fn a_node_without_room_misses_the_files_and_not_the_message_and_gives_a_connection_back() {
    let (program, nodes) = started(handing().open_files(300));
    let [from, target] = [nodes[0], nodes[1]];
    let (mut client, mut hoarder) = (to(&program, from), to(&program, target));
    let others = |client: &mut LineClient, text: &str| {
        let sent = client.ask(&format!("pass {} 2 {text}", target.node)).expect("an answer");
        assert_eq!(sent, "sent");
        program.wait_for_line(&format!("text={text} ")).text
    };
    assert!(others(&mut client, "before").ends_with("files=2 same=2"));
    hoarder.ask("hoard").expect("an answer");
    assert!(others(&mut client, "meanwhile").ends_with("lost=2"));
    assert_eq!(goes(&mut client, target), from);
    let kept = program.wait_for_line(&format!("kept node={} why=", from.node));
    assert!(kept.text.contains("has no room"), "{}", kept.text);
    hoarder.ask("let-go").expect("an answer");
    assert!(others(&mut client, "after").ends_with("files=2 same=2"));
    assert_eq!(goes(&mut client, target), target);
    drop((client, hoarder));
    program.stop();
}

#[test]
fn a_node_that_drains_waits_for_what_it_was_handed_and_takes_nothing_more() {
    let (program, nodes) = started(handing());
    let [from, target] = [workers(&nodes)[0], workers(&nodes)[1]];
    let (mut client, mut other) = (to(&program, from), to(&program, from));
    assert_eq!(goes(&mut client, target), target);
    let new = reload(&program, 1);
    assert_eq!(goes(&mut other, target), from, "one that drains took it");
    program.wait_for_line(&format!("why=node {} takes no more connections", target.node));
    assert_eq!(client.who().expect("an answer"), target);
    let next = workers(&new)[0];
    for client in [&mut client, &mut other] {
        assert_eq!(goes(client, next), next, "one that drains hands over what it has");
    }
    wait_gone(&program, from.pid);
    wait_gone(&program, target.pid);
    assert_eq!(client.who().expect("an answer"), next);
    drop((client, other));
    program.stop();
}

/// The program, with messages that go the way of this copy of the tests.
fn handing() -> Program {
    let rings = module_path!().ends_with("over_rings");
    scenario("hands").env("MULTI_NODE_RING", if rings { "on" } else { "off" })
}

/// Starts it, and waits until every node can hand over to every other.
fn started(program: Program) -> (Running, Vec<Who>) {
    let program = program.start();
    let nodes = program.wait_for_nodes(3);
    met(&program, &nodes);
    (program, nodes)
}

#[track_caller]
fn to(program: &Running, node: Who) -> LineClient {
    reach(program, |who| who.pid == node.pid)
}

/// Has a connection handed over; who serves it then.
#[track_caller]
fn goes(client: &mut LineClient, node: Who) -> Who {
    let answer = client.ask(&format!("to {}\nwho", node.node)).expect("an answer");
    Who::parse(&answer).expect("it says who it is")
}

/// How many fds each of them has.
fn fds(nodes: &[Who]) -> Vec<usize> {
    nodes.iter().map(|node| process::fds(node.pid).len()).collect()
}
