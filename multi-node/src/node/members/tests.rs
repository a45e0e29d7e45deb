//! What a node makes of what the master says, without a master.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::{Members, Membership};
use crate::config::NodeId;
use crate::event::{Departure, MembershipEvent};
use crate::node::feed::WAITING;

const ME: NodeId = NodeId(1);

fn joined(node: u64) -> MembershipEvent {
    MembershipEvent::Joined(NodeId(node))
}

fn left(node: u64) -> MembershipEvent {
    MembershipEvent::Left { node: NodeId(node), why: Departure::Killed(9) }
}

/// All that `membership` brings now.
fn heard(membership: &mut Membership) -> Vec<MembershipEvent> {
    let mut heard = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(event)) = pin!(membership.recv()).poll(&mut cx) {
        heard.push(event);
    }
    heard
}

#[test]
fn a_node_knows_itself_and_whom_it_was_told_of() {
    let members = Members::new(ME);
    members.heard(&joined(0));
    members.heard(&joined(2));
    members.heard(&left(0));
    assert_eq!(members.all(), [ME, NodeId(2)]);
    assert_eq!(heard(&mut members.subscribe()), [joined(1), joined(2)]);
}

#[test]
fn who_leaves_is_there_until_its_link_has_ended() {
    let members = Members::new(ME);
    let mut membership = members.subscribe();
    members.heard(&joined(2));
    members.linked(NodeId(2));
    members.heard(&left(2));
    assert_eq!(heard(&mut membership), [joined(1), joined(2)]);
    assert_eq!(members.all(), [ME, NodeId(2)]);
    members.unlinked(NodeId(2));
    assert_eq!(heard(&mut membership), [left(2)]);
    assert_eq!(members.all(), [ME]);
}

#[test]
fn a_link_that_ends_first_is_no_departure() {
    let members = Members::new(ME);
    members.heard(&joined(2));
    members.linked(NodeId(2));
    let mut membership = members.subscribe();
    members.unlinked(NodeId(2));
    assert_eq!(heard(&mut membership), [joined(1), joined(2)]);
    members.heard(&left(2));
    assert_eq!(heard(&mut membership), [left(2)]);
}

#[test]
fn what_is_known_already_is_not_news() {
    let members = Members::new(ME);
    let mut membership = members.subscribe();
    for event in [joined(2), joined(2), joined(1), left(2), left(2), left(3)] {
        members.heard(&event);
    }
    assert_eq!(heard(&mut membership), [joined(1), joined(2), left(2)]);
}

#[test]
fn a_slow_listener_is_told_how_much_it_missed_and_who_is_there_stays_right() {
    let members = Members::new(ME);
    let mut membership = members.subscribe();
    for node in 0..WAITING as u64 + 2 {
        members.heard(&joined(node + 2));
    }
    let first = heard(&mut membership)[0];
    assert_eq!(first, MembershipEvent::Lagged { missed: 3 });
    assert_eq!(members.all().len(), WAITING + 3);
}

#[test]
fn it_ends_with_the_master_once_it_is_read() {
    let members = Members::new(ME);
    let mut membership = members.subscribe();
    members.end();
    assert_eq!(heard(&mut membership), [joined(1)]);
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(pin!(membership.recv()).poll(&mut cx), Poll::Ready(None));
}
