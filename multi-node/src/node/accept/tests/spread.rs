use std::sync::Arc;

use super::family::*;

#[test]
fn connections_that_come_one_by_one_are_spread_evenly() {
    let running = Running::unwatched(4);
    let mut clients = Vec::new();
    for count in 1..=64 {
        clients.push(running.family.connect());
        running.total.wait(count);
    }
    assert_eq!(running.held(), [16; 4]);
}

#[test]
fn a_burst_is_spread_evenly() {
    for nodes in [2, 4, 8] {
        let running = Running::unwatched(nodes);
        let _clients = running.family.connect_many(64);
        running.total.wait(64);
        assert!(spread(&running.held()) <= 1, "{:?}", running.held());
    }
}

#[test]
fn a_burst_that_arrived_before_anybody_accepted_is_spread_evenly() {
    let family = Arc::new(Family::unwatched(4));
    let _clients = family.connect_many(400);
    let running = Running::of(family, 0..4);
    running.total.wait(400);
    assert!(spread(&running.held()) <= 1, "{:?}", running.held());
}

#[test]
fn new_connections_go_to_the_node_whose_old_ones_closed() {
    let running = Running::unwatched(4);
    let mut clients = running.family.connect_many(64);
    running.total.wait(64);
    let before = running.held();
    running.nodes[2].drop_all();
    for count in 65..=64 + before[2] {
        clients.push(running.family.connect());
        running.total.wait(count);
    }
    assert_eq!(running.held(), before);
}

#[test]
fn loads_in_the_page_are_the_connections_held_and_none_stay_behind() {
    let running = Running::unwatched(3);
    let clients = running.family.connect_many(100);
    running.total.wait(100);
    let loads: Vec<_> = (0..3).map(|seat| running.family.page.load(seat) as usize).collect();
    assert_eq!(loads, running.held());
    running.nodes.iter().for_each(Node::drop_all);
    drop(clients);
    assert!((0..3).all(|seat| running.family.page.load(seat) == 0));
    until(|| running.nodes.iter().all(|node| node.acceptor.open() == 0));
}

#[test]
fn a_full_inbox_costs_evenness_and_no_connection() {
    let running = Running::new(2);
    let hanging = running.nodes[1].hang();
    // Fill its inbox with what is no connection.
    while crate::sys::packet::send(running.family.outbox(1), b"?", &[]).is_ok() {}
    let _clients = running.family.connect_many(60);
    running.total.wait(60);
    assert_eq!(running.nodes[0].held(), 60);
    drop(hanging);
}
