//! Who leaves is left after all that it has sent.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use super::*;
use crate::event::{Departure, MembershipEvent};
use crate::node::members::Membership;

const LEFT: MembershipEvent = MembershipEvent::Left { node: NodeId(1), why: Departure::Killed(9) };

#[tokio::test]
async fn a_departure_comes_after_all_messages_of_the_node_that_left() {
    let (me, gone) = (hub(0), Mortal::new(1));
    me.members().heard(&MembershipEvent::Joined(NodeId(1)));
    let mut membership = me.members().subscribe();
    let mut received = peers::<Number>(&me, ChannelConfig::new());
    let mut sent = peers::<Number>(&gone.hub, ChannelConfig::new());
    join((&me, 0), (&gone.hub, 1), LinkKind::Messages);
    let (mut from, to) = (soon(received.recv()).await.unwrap(), soon(sent.recv()).await.unwrap());
    const COUNT: u64 = 10_000;
    for n in 0..COUNT {
        soon(to.send(&Number(n))).await.unwrap();
    }
    soon(gone.hub.flush(std::time::Instant::now() + DEADLINE)).await;
    // The master is quicker than the link.
    me.members().heard(&LEFT);
    gone.die();
    until_left(&mut membership).await;
    // Nothing is waited for any more: all of it is there.
    for n in 0..COUNT {
        let next = poll_fn(|cx| {
            let poll = pin!(from.recv()).poll(cx);
            Poll::Ready(if let Poll::Ready(next) = poll { next } else { None })
        });
        assert_eq!(tokio::task::unconstrained(next).await, Some(Number(n)));
    }
    assert_eq!(me.members().all(), [NodeId(0)]);
}

#[tokio::test]
async fn a_node_without_a_link_is_left_at_once() {
    let me = hub(0);
    let mut membership = me.members().subscribe();
    me.members().heard(&MembershipEvent::Joined(NodeId(1)));
    me.members().heard(&LEFT);
    until_left(&mut membership).await;
}

async fn until_left(membership: &mut Membership) {
    while soon(membership.recv()).await != Some(LEFT) {}
}
