//! Messages between nodes, as their users see them.

use std::collections::BTreeSet;
use std::time::Duration;

use multi_node_tests::{Line, LineClient, Program, Running, Who};
use nix::sys::signal::Signal;

use crate::support::{notice, reach, replace, scenario, send, workers};

#[test]
fn every_two_nodes_meet_and_both_get_the_peer() {
    let program = talking("chat").start();
    let nodes = program.wait_for_nodes(4);
    met(&program, &nodes);
    program.stop();
}

#[test]
fn a_broadcast_reaches_every_other_node_and_says_so() {
    let program = talking("chat").start();
    let nodes = program.wait_for_nodes(4);
    met(&program, &nodes);
    for from in &nodes {
        let mut client = to(&program, *from);
        let text = format!("from-{}", from.node);
        let reached = numbers(&client.ask(&format!("broadcast {text}")).expect("an answer"));
        let others: BTreeSet<u64> =
            nodes.iter().map(|who| who.node).filter(|&node| node != from.node).collect();
        assert_eq!(reached, others);
        for node in others {
            heard(&program, node, from.node, &text);
        }
    }
    program.stop();
}

#[test]
fn a_message_to_one_node_reaches_that_one() {
    let program = talking("chat").start();
    let nodes = program.wait_for_nodes(4);
    met(&program, &nodes);
    let mut client = to(&program, nodes[0]);
    let me = nodes[0].node;
    for target in &nodes[1..] {
        let answer = client.ask(&format!("send {} only-{}", target.node, target.node));
        assert_eq!(answer.expect("an answer"), "sent");
        heard(&program, target.node, me, &format!("only-{}", target.node));
    }
    let answer = client.ask("send me hello").expect("an answer");
    assert!(answer.contains("no channel"), "{answer}");
    drop(client);
    let lines = program.stop();
    for target in &nodes[1..] {
        let text = format!("text=only-{}", target.node);
        assert_eq!(lines.iter().filter(|line| line.text.ends_with(&text)).count(), 1);
    }
}

#[test]
fn two_types_go_side_by_side() {
    let program = talking("chat").start();
    let nodes = program.wait_for_nodes(4);
    met(&program, &nodes);
    let mut client = to(&program, nodes[0]);
    client.ask("broadcast words").expect("an answer");
    client.ask("count 7").expect("an answer");
    for other in &nodes[1..] {
        heard(&program, other.node, nodes[0].node, "words");
        let counted = format!("counted node={} from={} number=7", other.node, nodes[0].node);
        program.wait_for_line(&counted);
    }
    drop(client);
    program.stop();
}

#[test]
fn a_node_that_dies_is_parted_from_and_its_successor_is_met() {
    let program = talking("chat").start();
    let nodes = program.wait_for_nodes(4);
    met(&program, &nodes);
    let died = workers(&nodes)[0];
    let next = replace(&program, died);
    for other in nodes.iter().filter(|who| who.pid != died.pid) {
        let parted = format!("parted node={} peer={} ", other.node, died.node);
        let line = program.wait_for_line(&parted);
        assert!(line.text.contains("Ended"), "{}", line.text);
        program.wait_for_line(&format!("met node={} peer={}", other.node, next.node));
        program.wait_for_line(&format!("met node={} peer={}", next.node, other.node));
    }
    let mut client = to(&program, nodes.iter().copied().find(|who| who.slot == 0).expect("one"));
    let answer = client.ask(&format!("send {} hello", died.node)).expect("an answer");
    assert_eq!(answer, format!("no peer {}", died.node));
    drop(client);
    program.stop();
}

#[test]
fn a_dropped_peer_receives_no_more_and_the_sender_is_told() {
    let program = talking("chat").start();
    let nodes = program.wait_for_nodes(4);
    met(&program, &nodes);
    let (from, target) = (nodes[0], nodes[1]);
    let mut client = to(&program, from);
    client.ask(&format!("send {} leave", target.node)).expect("an answer");
    heard(&program, target.node, from.node, "leave");
    closes(&mut client, target);
    // The other channels are as they were.
    client.ask("broadcast still").expect("an answer");
    heard(&program, nodes[2].node, from.node, "still");
    drop(client);
    program.stop();
}

#[test]
fn a_handler_that_panics_closes_its_channel_and_no_more() {
    let program = talking("chat").may_panic().start();
    let nodes = program.wait_for_nodes(4);
    met(&program, &nodes);
    let (from, target) = (nodes[0], nodes[1]);
    let mut client = to(&program, from);
    client.ask(&format!("send {} panic", target.node)).expect("an answer");
    notice(&program, &[&format!("multi-node[{}]", target.node), "panic"]);
    closes(&mut client, target);
    to(&program, target).ask("broadcast alive").expect("an answer");
    heard(&program, nodes[2].node, target.node, "alive");
    drop(client);
    program.stop();
}

#[test]
fn eight_nodes_that_all_send_to_each_other_at_once_get_everything_in_order() {
    let program = talking("everyone").start();
    program.wait_for_nodes(8);
    program.wait_for_lines("complete node=", 8 * 7);
    program.stop();
}

#[test]
fn order_holds_between_the_living_while_others_are_killed() {
    let program = talking("lockstep").start();
    let nodes = program.wait_for_nodes(4);
    program.wait_for_lines("going node=", 12);
    for worker in workers(&nodes) {
        let next = replace(&program, worker).node;
        program.wait_for_line(&format!("going node={next} peer=0 "));
        program.wait_for_line(&format!("going node=0 peer={next} "));
    }
    // A message out of order is a panic, and that fails the test.
    program.stop();
}

/// `MULTI_NODE_MESSAGES` has it be more of them.
#[test]
fn a_million_messages_arrive_whole_in_order_and_once_while_nodes_are_killed() {
    let messages = std::env::var("MULTI_NODE_MESSAGES").ok();
    let messages: usize = messages.map_or(1_000_000, |count| count.parse().expect("a number"));
    // A minute a million, on a machine that is busy.
    let deadline = Duration::from_secs(60) * (messages as u32).div_ceil(1_000_000);
    let program = talking("flood").deadline(deadline).start();
    let nodes = program.wait_for_nodes(4);
    let mut live = workers(&nodes);
    for round in 1..=9 {
        program.wait_for_lines("flooded ", messages / 10_000 * round / 10);
        let next = replace(&program, live.remove(0));
        live.push(next);
    }
    program.wait_for_lines("flooded ", messages / 10_000);
    // One out of order or with a wrong sum is a panic, and that fails the test.
    program.stop();
}

#[test]
fn eight_mebibytes_arrive_intact() {
    let program = talking("large").start();
    let nodes = program.wait_for_nodes(3);
    for worker in workers(&nodes) {
        program.wait_for_line(&format!("large node={} from=0 intact=true", worker.node));
    }
    program.stop();
}

#[test]
fn a_receiver_that_does_not_receive_stalls_its_own_channel_only() {
    let program = talking("stuck").start();
    program.wait_for_nodes(2);
    let full = program.wait_for_line("full after=");
    let sent: usize = full.field("after").and_then(|sent| sent.parse().ok()).expect("a number");
    // A window of 1 MiB, in messages of 4 KiB.
    assert!((128..=512).contains(&sent), "{sent}");
    program.wait_for_line("answered");
    program.stop();
}

#[test]
fn a_handler_that_is_behind_loses_what_it_chose_to_and_nobody_waits_for_it() {
    for choice in ["newest", "oldest", "close"] {
        let program = talking("behind").arg(choice).start();
        program.wait_for_nodes(3);
        let reached = number(&program.wait_for_line("broadcast reached="), "reached");
        let lively = program.wait_for_line("accounted slot=2 from=0 ");
        assert_eq!((number(&lively, "got"), number(&lively, "missing")), (1_000, 0));
        let behind = program.wait_for_line("accounted slot=1 from=0 ");
        let (got, missing) = (number(&behind, "got"), number(&behind, "missing"));
        // A window of 1 MiB, in messages of 4 KiB, and what the handler had begun.
        assert!((128..=512).contains(&got), "{}", behind.text);
        if choice == "close" {
            assert!(missing > 0 && reached < 2_000, "{reached} {}", behind.text);
            assert_eq!(behind.field("closed"), Some("Some(Lagged)"));
        } else {
            assert_eq!((got + missing, reached), (1_000, 2_000));
        }
        assert_eq!(number(&behind, "last"), if choice == "oldest" { 999 } else { got - 1 });
        program.stop();
    }
}

#[test]
fn generations_that_do_not_agree_on_a_type_do_not_open_it_and_say_why() {
    let program = scenario("versions").start();
    let nodes = program.wait_for_nodes(3);
    program.wait_for_lines("type=old", 6);
    program.signal(Signal::SIGHUP);
    // The new workers meet each other; the master, and workers of the old kind, are refused.
    program.wait_for_lines("type=new", 2);
    notice(&program, &["Note", "no channel", "different definitions"]);
    for worker in workers(&nodes) {
        crate::support::wait_gone(&program, worker.pid);
    }
    let lines = program.stop();
    let met: Vec<_> = lines.iter().filter(|line| line.text.contains("type=new")).collect();
    assert!(met.iter().all(|line| line.field("peer") != Some("0")), "{met:?}");
}

#[test]
fn raw_streams_join_every_two_nodes_and_carry_messages() {
    let program = scenario("streams").start();
    let nodes = program.wait_for_nodes(3);
    for one in &nodes {
        for other in nodes.iter().filter(|other| other.node != one.node) {
            let (one, other) = (one.node, other.node);
            program.wait_for_line(&format!("raw node={one} peer={other} said=i-am-{other}"));
            let said = format!("framed node={one} peer={other} said=message-from-{other}");
            program.wait_for_line(&said);
        }
    }
    program.stop();
}

#[test]
fn a_stopped_node_does_not_hold_up_messages_between_others() {
    let program = talking("chat").start();
    let nodes = program.wait_for_nodes(4);
    met(&program, &nodes);
    let stopped = workers(&nodes)[2];
    send(stopped.pid, Signal::SIGSTOP);
    let mut client = to(&program, nodes.iter().copied().find(|who| who.slot == 0).expect("one"));
    for number in 0..100 {
        client.ask(&format!("count {number}")).expect("an answer");
    }
    for other in &workers(&nodes)[..2] {
        program.wait_for_line(&format!("counted node={} from=0 number=99", other.node));
    }
    send(stopped.pid, Signal::SIGCONT);
    program.wait_for_line(&format!("counted node={} from=0 number=99", stopped.node));
    drop(client);
    program.stop();
}

/// A scenario whose messages go the way of this copy of the tests.
fn talking(name: &str) -> Program {
    let rings = module_path!().ends_with("over_rings");
    scenario(name).env("MULTI_NODE_RING", if rings { "on" } else { "off" })
}

/// Waits until each of the nodes has met each other.
#[track_caller]
pub(crate) fn met(program: &Running, nodes: &[Who]) {
    for one in nodes {
        for other in nodes.iter().filter(|other| other.node != one.node) {
            let met = format!("met node={} peer={}", one.node, other.node);
            program.wait_for(&met, |line| (line.text == met).then_some(()));
        }
    }
}

#[track_caller]
fn heard(program: &Running, node: u64, from: u64, text: &str) {
    program.wait_for_line(&format!("heard node={node} from={from} text={text}"));
}

#[track_caller]
fn to(program: &Running, node: Who) -> LineClient {
    reach(program, |who| who.pid == node.pid)
}

/// Sends until the sender is told that nobody receives any more.
#[track_caller]
fn closes(client: &mut LineClient, target: Who) {
    multi_node_tests::eventually(crate::support::soon(), "the sender is told", || {
        let answer = client.ask(&format!("send {} more", target.node)).expect("an answer");
        answer != "sent"
    });
}

#[track_caller]
fn number(line: &Line, field: &str) -> u64 {
    line.field(field).and_then(|number| number.parse().ok()).expect("a number")
}

fn numbers(list: &str) -> BTreeSet<u64> {
    list.split_whitespace().map(|number| number.parse().expect("a number")).collect()
}
