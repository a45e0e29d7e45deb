use std::net::TcpStream;
use std::os::fd::AsFd;
use std::pin::pin;
use std::sync::Arc;

use super::family::*;
use crate::sys::page::Mark;
use crate::sys::{cpu, packet, socket};

#[test]
fn a_node_that_hangs_strands_nobody() {
    let running = Running::new(4);
    let _hanging = running.nodes[1].hang();
    let _clients = running.family.connect_many(200);
    running.total.wait(200);
    assert_eq!(running.nodes[1].held(), 0);
    assert!(running.family.page.marks(1).has(Mark::Stuck));
}

#[test]
fn a_slot_beyond_those_that_were_there_at_the_start_is_looked_after_once_it_is_known() {
    let running = Running::of(Arc::new(Family::known_up_to(3, 1)), 0..2);
    let _clients = running.family.connect_many(90);
    for node in &running.nodes {
        node.acceptor.slots_reach(0..=2);
    }
    // The kernel gives a third of them to the slot in which nobody is.
    running.total.wait(90);
    assert!(running.family.lent.lock().unwrap().contains(&2));
}

#[test]
fn a_node_that_computes_without_end_strands_nobody() {
    let running = Running::new(3);
    let _spinning = running.nodes[1].spin();
    let _clients = running.family.connect_many(100);
    running.total.wait(100);
    assert_eq!(running.nodes[1].held(), 0);
}

#[test]
fn siblings_know_which_thread_accepts() {
    let family = Arc::new(Family::new(2));
    let acceptor = family.acceptor(0);
    assert_eq!(family.page.thread(0), None);
    run(async { assert!(is_pending(pin!(acceptor.accept()))) });
    assert_eq!(family.page.thread(0), Some(cpu::thread()));
}

#[test]
fn neighbours_that_hang_together_strand_nobody() {
    let running = Running::new(6);
    let _hanging: Vec<_> = [1, 2, 3].map(|slot| running.nodes[slot].hang()).into();
    let _clients = running.family.connect_many(300);
    running.total.wait(300);
}

#[test]
fn one_connection_after_a_rest_is_taken_from_whoever_hangs() {
    let running = Running::new(3);
    let _hanging = [running.nodes[0].hang(), running.nodes[1].hang()];
    let mut clients = Vec::new();
    for count in 1..=12 {
        clients.push(running.family.connect());
        running.total.wait(count);
    }
    assert_eq!(running.nodes[2].held(), 12);
}

#[test]
fn a_node_that_moves_again_serves_again() {
    let running = Running::new(2);
    let hanging = running.nodes[1].hang();
    let mut clients = running.family.connect_many(40);
    running.total.wait(40);
    assert_eq!(running.nodes[0].held(), 40);
    drop(hanging);
    // Its mark goes with the first connection that reaches its own queue.
    until(|| {
        clients.push(running.family.connect());
        running.total.wait(clients.len());
        running.nodes[1].held() > 0
    });
    until(|| {
        clients.push(running.family.connect());
        running.total.wait(clients.len());
        spread(&running.held()) <= 1
    });
}

#[test]
fn slots_that_nobody_serves_strand_nobody() {
    let family = Arc::new(Family::new(6));
    let clients = family.connect_many(100);
    let running = Running::of(family, [2].into_iter());
    running.total.wait(100);
    let _more = running.family.connect_many(100);
    running.total.wait(200);
    drop(clients);
}

#[test]
fn a_ring_that_changes_all_the_time_strands_nobody() {
    let family = Arc::new(Family::new(2));
    family.page.seat(1, 1);
    let running = Running::of(family, [0].into_iter());
    let _clients = running.family.connect_many(100);
    // Faster than the alarm that wakes the node for its look.
    until(|| {
        running.nodes[0].acceptor.ring_changed();
        running.held() == [100]
    });
}

#[test]
fn a_node_reaches_past_the_dead_and_back_when_they_are_replaced() {
    let family = Arc::new(Family::new(6));
    for slot in 1..6 {
        family.page.seat(slot, slot);
    }
    let acceptor = family.acceptor(0);
    let lent = || std::mem::take(&mut *family.lent.lock().unwrap());
    run(async {
        assert!(is_pending(pin!(acceptor.accept())));
        assert_eq!(lent(), [1, 2]);
        family.page.vacate(1, 1);
        acceptor.ring_changed();
        assert_eq!(lent(), [3]);
        family.page.seat(1, 1);
        acceptor.ring_changed();
        assert_eq!(lent(), Vec::<crate::config::Slot>::new());
        family.page.vacate(1, 1);
        acceptor.ring_changed();
        assert_eq!(lent(), [3], "it had been given back");
    });
}

#[test]
fn what_was_passed_to_a_node_that_hangs_is_taken_and_counted_by_another() {
    let running = Running::new(2);
    let _hanging = running.nodes[1].hang();
    let page = &running.family.page;
    let (client, server) = connected();
    let claim = page.claim_any(1);
    packet::send(running.family.outbox(1), &claim.to_bytes(), &[server.as_fd()]).unwrap();
    running.total.wait(1);
    assert_eq!(running.nodes[0].held(), 1);
    assert_eq!((page.load(0), page.load(1)), (1, 0));
    drop(client);
}

#[test]
fn a_connection_that_was_passed_here_stays_here() {
    let running = Running::new(2);
    let page = &running.family.page;
    // Far fuller than the other, and yet.
    let claims: Vec<_> = (0..50).map(|_| page.claim_any(0)).collect();
    let (_client, server) = connected();
    let claim = page.claim_any(0);
    packet::send(running.family.outbox(0), &claim.to_bytes(), &[server.as_fd()]).unwrap();
    running.total.wait(1);
    assert_eq!(running.held(), [1, 0]);
    claims.into_iter().for_each(|claim| page.release(claim));
    assert_eq!(page.load(0), 1);
}

#[test]
fn rubbish_in_an_inbox_hurts_nobody() {
    let running = Running::new(2);
    let (_client, server) = connected();
    for rubbish in [&b"?"[..], &[0xff; 6], &[0; 7], &[0; 100]] {
        packet::send(running.family.outbox(0), rubbish, &[]).unwrap();
        packet::send(running.family.outbox(0), &rubbish[..1], &[server.as_fd()]).unwrap();
    }
    let _clients = running.family.connect_many(20);
    running.total.wait(20);
}

#[test]
fn a_node_out_of_fds_leaves_its_queue_to_the_others_and_comes_back() {
    let running = Running::new(2);
    // Its first accepts make its wires.
    let mut clients = running.family.connect_many(8);
    running.total.wait(8);
    let wires = running.nodes[1].acceptor.0.wires().unwrap().unwrap();
    let exhausted = std::io::Error::from_raw_os_error(24);
    let found = running.nodes[1].acceptor.0.refused(&wires, exhausted);
    assert!(matches!(found, Ok(super::super::Found::Nothing)));
    clients.extend(running.family.connect_many(20));
    running.total.wait(28);
    until(|| {
        clients.push(running.family.connect());
        running.total.wait(clients.len());
        spread(&running.held()) <= 1
    });
    assert!(running.family.page.marks(1).is_empty());
}

/// A connection through a listener that is none of the family's.
fn connected() -> (TcpStream, TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = socket::accept(listener.as_fd()).unwrap().0;
    (client, server.into())
}
