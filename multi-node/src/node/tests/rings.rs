//! The two ways that messages go, and the change from one to the other: order holds across it.

use std::future::poll_fn;
use std::task::Poll;

use tokio::time::sleep;

use super::fds::{said, saying};
use super::*;

/// An idle ring is left after so long at most.
const LEFT: Duration = Duration::from_secs(11);

/// One that is used so often is kept.
const KEPT: Duration = Duration::from_secs(4);

/// Two nodes that decide by themselves which way to go.
async fn automatic() -> (Hub, Peer<Text>, Hub, Peer<Text>) {
    nodes(Messaging { ring: RingUse::Auto, ..Messaging::default() }).await
}

/// Two nodes and their channel.
async fn nodes(messaging: Messaging) -> (Hub, Peer<Text>, Hub, Peer<Text>) {
    let (a, b) =
        (hub_with(0, messaging, Handle::current()), hub_with(1, messaging, Handle::current()));
    join((&a, 0), (&b, 1), LinkKind::Messages);
    let config = ChannelConfig::new();
    let (mut at_a, mut at_b) = (peers(&a, config), peers(&b, config));
    let (left, right) = (soon(at_a.recv()).await.unwrap(), soon(at_b.recv()).await.unwrap());
    (a, left, b, right)
}

/// Sends and receives numbered messages of 1 KiB each.
async fn exchange(left: &Peer<Text>, right: &mut Peer<Text>, numbers: std::ops::Range<usize>) {
    for n in numbers {
        let message = Text(format!("{n:1024}"));
        left.send(&message).await.unwrap();
        assert_eq!(soon(right.recv()).await, Some(message));
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_has_a_ring_while_it_is_busy() {
    let (a, left, b, mut right) = automatic().await;
    exchange(&left, &mut right, 0..10).await;
    assert_eq!(a.way(), "socket");
    for round in 1..4 {
        exchange(&left, &mut right, 0..1_000).await;
        assert_eq!((a.way(), b.way()), ("ring", "socket"), "round {round}: one side was busy");
        // The clock jumps ahead when nobody has anything to do.
        sleep(LEFT).await;
        assert_eq!(a.way(), "socket", "round {round}");
        exchange(&left, &mut right, 0..10).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_ring_that_is_used_now_and_then_stays() {
    let (a, left, _b, mut right) = automatic().await;
    exchange(&left, &mut right, 0..1_000).await;
    for _ in 0..20 {
        sleep(KEPT).await;
        assert_eq!(a.way(), "ring");
        exchange(&left, &mut right, 0..1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn order_holds_when_a_ring_was_used_and_left_before_the_reader_looked() {
    let messaging = Messaging { ring: RingUse::Auto, ..Messaging::default() };
    let (a, other) = (hub_with(0, messaging, Handle::current()), Mortal::new(1));
    join((&a, 0), (&other.hub, 1), LinkKind::Messages);
    let (mut at_a, mut at_b) =
        (peers(&a, ChannelConfig::new()), peers(&other.hub, ChannelConfig::new()));
    let (left, mut right) =
        (really(at_a.recv()).await.unwrap(), really(at_b.recv()).await.unwrap());
    let mut sent = 0;
    while a.way() == "socket" {
        left.send(&Number(sent)).await.unwrap();
        assert_eq!(really(right.recv()).await, Some(Number(sent)));
        sent += 1;
    }
    really(poll_fn(|_| if a.way() == "taken" { Poll::Ready(()) } else { Poll::Pending })).await;
    let (release, held) = std::sync::mpsc::channel::<()>();
    other.runtime.spawn(async move { held.recv().unwrap_or_default() });
    left.send(&Number(sent)).await.unwrap();
    left.send_with_fds(&Number(sent + 1), vec![saying("in the ring")]).await.unwrap();
    left.send_with_fds(&Number(sent + 2), vec![saying("too")]).await.unwrap();
    sleep(LEFT).await;
    assert_eq!(a.way(), "socket", "it came and went");
    left.send(&Number(sent + 3)).await.unwrap();
    left.send_with_fds(&Number(sent + 4), vec![saying("after it")]).await.unwrap();
    drop(release);
    for (n, words) in (sent..).zip(["", "in the ring", "too", "", "after it"]) {
        let (number, fds) = really(right.recv_with_fds()).await.unwrap();
        let said: String = fds.unwrap().into_iter().map(said).collect();
        assert_eq!((number, said.as_str()), (Number(n), words));
    }
    other.die();
}

#[tokio::test]
async fn a_node_that_looks_for_more_before_it_sleeps_gets_every_message() {
    let messaging = Messaging { ring: RingUse::On, busy_poll: Duration::from_millis(1) };
    let (_a, left, _b, mut right) = nodes(messaging).await;
    exchange(&left, &mut right, 0..10).await;
    // It has begun to sleep by then.
    sleep(Duration::from_millis(5)).await;
    exchange(&left, &mut right, 0..1_000).await;
}

#[tokio::test]
async fn every_size_gets_through_and_past_every_place_in_the_ring() {
    const LARGEST: usize = 70_000;
    let (_a, left, _b, mut right) = channel::<Text>(ChannelConfig::new()).await;
    let text: String = (0..LARGEST).map(|n| char::from(b'a' + (n % 23) as u8)).collect();
    let sent = text.clone();
    let sizes = || 0..=LARGEST;
    let sending = tokio::spawn(async move {
        for size in sizes() {
            left.send(&Text(sent[..size].to_owned())).await.unwrap();
        }
        left
    });
    for size in sizes() {
        assert!(soon(right.recv()).await == Some(Text(text[..size].to_owned())), "{size}");
    }
    soon(sending).await.unwrap();
}
