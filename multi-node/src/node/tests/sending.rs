//! Windows, waiting, refusing, closing, and giving up half-way.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::ser::{Error as _, SerializeSeq, Serializer};

use super::*;
use crate::link::error::{BroadcastError, CloseReason, SendError, SendToError, TrySendError};

/// A type that can only be sent.
macro_rules! message {
    ($type:ty) => {
        impl Message for $type {
            const NAME: &'static str = stringify!($type);
            const FINGERPRINT: u64 = 3;
        }
    };
}

#[tokio::test]
async fn a_full_window_is_said_and_room_appears_when_the_handler_receives() {
    let (_a, left, _b, mut right) = channel::<Number>(small_window()).await;
    // A frame of a Number is 16 bytes.
    assert_eq!(fill(&left), 1024 / 16);
    let blocked = tokio::spawn(async move {
        left.send(&Number(64)).await.unwrap();
        left
    });
    for n in 0..=64 {
        assert_eq!(soon(right.recv()).await, Some(Number(n)));
    }
    soon(blocked).await.unwrap();
}

#[tokio::test]
async fn a_stuck_receiver_stalls_its_own_channel_and_no_other() {
    let (a, b) = pair();
    let (mut numbers_a, mut numbers_b) =
        (peers::<Number>(&a, small_window()), peers::<Number>(&b, small_window()));
    let (mut texts_a, mut texts_b) =
        (peers::<Text>(&a, small_window()), peers::<Text>(&b, small_window()));
    let (stuck, _never_receives) =
        (soon(numbers_a.recv()).await.unwrap(), soon(numbers_b.recv()).await.unwrap());
    let (lively, mut receives) =
        (soon(texts_a.recv()).await.unwrap(), soon(texts_b.recv()).await.unwrap());
    fill(&stuck);
    for n in 0..1_000 {
        soon(lively.send(&Text(n.to_string()))).await.unwrap();
        assert_eq!(soon(receives.recv()).await, Some(Text(n.to_string())));
    }
    assert_eq!(stuck.try_send(&Number(0)), Err(TrySendError::Full));
}

#[tokio::test]
async fn a_message_larger_than_the_window_goes_when_nothing_else_is_under_way() {
    let (_a, left, _b, mut right) = channel::<Text>(small_window()).await;
    let large = Text("x".repeat(100_000));
    left.send(&text("small")).await.unwrap();
    assert_eq!(left.try_send(&large), Err(TrySendError::Full));
    let expected = large.clone();
    let sending = tokio::spawn(async move {
        left.send(&large).await.unwrap();
        left.send(&text("after")).await.unwrap();
        left
    });
    assert_eq!(soon(right.recv()).await, Some(text("small")));
    assert_eq!(soon(right.recv()).await, Some(expected));
    assert_eq!(soon(right.recv()).await, Some(text("after")));
    soon(sending).await.unwrap();
}

#[tokio::test]
async fn a_message_that_needs_nearly_the_whole_window_does_not_wait_for_ever() {
    let (_a, left, _b, mut right) = channel::<Text>(small_window()).await;
    // Less than a quarter of the window is consumed, so nothing is credited unasked.
    left.send(&Text("x".repeat(100))).await.unwrap();
    soon(right.recv()).await.unwrap();
    let receiving = tokio::spawn(async move { (right.recv().await, right) });
    soon(left.send(&Text("y".repeat(1000)))).await.unwrap();
    assert_eq!(soon(receiving).await.unwrap().0, Some(Text("y".repeat(1000))));
}

#[tokio::test]
async fn a_message_over_the_cap_is_refused_and_hurts_nobody() {
    let (_a, left, _b, mut right) = channel::<Text>(ChannelConfig::new().max_frame(100)).await;
    let too_large = SendError::TooLarge { max: 100 };
    assert_eq!(left.send(&Text("x".repeat(93))).await, Err(too_large.clone()));
    assert_eq!(left.try_send(&Text("x".repeat(1 << 20))), Err(too_large.into()));
    left.send(&Text("x".repeat(92))).await.unwrap();
    assert_eq!(soon(right.recv()).await, Some(Text("x".repeat(92))));
}

#[tokio::test]
async fn those_who_wait_go_in_the_order_they_began_to() {
    let (_a, left, _b, mut right) = channel::<Number>(small_window()).await;
    let full = fill(&left);
    let waiting: Vec<_> = (0..100)
        .map(|n| {
            let sender = left.sender();
            tokio::spawn(async move { sender.send(&Number(full + n)).await })
        })
        .collect();
    let_others_run(1).await;
    for n in 0..full + 100 {
        assert_eq!(soon(right.recv()).await, Some(Number(n)));
    }
    for waiter in waiting {
        soon(waiter).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_send_given_up_half_way_sends_nothing_and_lets_the_next_go() {
    let (_a, left, _b, mut right) = channel::<Number>(small_window()).await;
    let full = fill(&left);
    let (sender, given_up) = (left.sender(), left.sender());
    let mut abandoned = Box::pin(async move { given_up.send(&Number(1 << 40)).await });
    assert!(futures_poll(&mut abandoned).await.is_none());
    let next = tokio::spawn(async move { sender.send(&Number(full)).await });
    let_others_run(1).await;
    drop(abandoned);
    for n in 0..=full {
        assert_eq!(soon(right.recv()).await, Some(Number(n)));
    }
    soon(next).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_receive_given_up_half_way_loses_nothing() {
    let (_a, left, _b, mut right) = channel::<Number>(small_window()).await;
    for n in 0..500 {
        assert!(futures_poll(&mut Box::pin(right.recv())).await.is_none());
        left.send(&Number(n)).await.unwrap();
        assert_eq!(soon(right.recv()).await, Some(Number(n)));
    }
}

/// Polls once.
pub(super) async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = std::future::ready(()) => None,
    }
}

#[derive(Debug, Deserialize)]
struct Unruly(u8);

impl Serialize for Unruly {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(1000))?;
        seq.serialize_element(&[7u64; 16])?;
        match self.0 {
            0 => panic!("half-way"),
            _ => Err(S::Error::custom("will not")),
        }
    }
}
message!(Unruly);

#[tokio::test]
async fn a_serialize_that_fails_or_panics_leaves_the_link_as_it_was() {
    let (a, b) = pair();
    let (mut unruly, _unruly_b) =
        (peers::<Unruly>(&a, ChannelConfig::new()), peers::<Unruly>(&b, ChannelConfig::new()));
    let (mut texts_a, mut texts_b) =
        (peers::<Text>(&a, ChannelConfig::new()), peers::<Text>(&b, ChannelConfig::new()));
    let unruly = soon(unruly.recv()).await.unwrap();
    let (left, mut right) =
        (soon(texts_a.recv()).await.unwrap(), soon(texts_b.recv()).await.unwrap());

    left.send(&text("before")).await.unwrap();
    let failed = SendError::Encode { message: "will not".to_owned() };
    assert_eq!(unruly.send(&Unruly(1)).await, Err(failed.clone()));
    assert_eq!(unruly.try_send(&Unruly(1)), Err(failed.into()));
    assert!(catch_unwind(AssertUnwindSafe(|| unruly.try_send(&Unruly(0)))).is_err());
    let failed = BroadcastError::Encode { message: "will not".to_owned() };
    assert_eq!(a.broadcast(&Unruly(1)).await, Err(failed));
    left.send(&text("after")).await.unwrap();
    assert_eq!(soon(right.recv()).await, Some(text("before")));
    assert_eq!(soon(right.recv()).await, Some(text("after")));
}

#[tokio::test]
async fn dropping_a_peer_closes_receiving_and_nothing_else() {
    let (a, left, b, mut right) = channel::<Number>(small_window()).await;
    fill(&right);
    drop(left);
    let closed = SendError::Closed { reason: CloseReason::Dropped };
    assert_eq!(soon(right.send(&Number(0))).await, Err(closed));
    assert_eq!(right.close_reason(), Some(CloseReason::Dropped));
    assert_eq!((a.peers::<Number>(), b.peers::<Number>()), (vec![NodeId(1)], vec![]));
    let not_open = SendToError::NotOpen { node: NodeId(0) };
    assert_eq!(b.send_to(NodeId(0), &Number(0)).await, Err(not_open));
    // Node 0 has nobody who receives, and still sends.
    a.send_to(NodeId(1), &Number(5)).await.unwrap();
    assert_eq!(soon(right.recv()).await, Some(Number(5)));
}

#[tokio::test]
async fn a_handler_that_panics_closes_its_channel_and_no_other() {
    let (a, b) = pair();
    a.on_node(ChannelConfig::new(), |mut peer: Peer<Number>| async move {
        let number = peer.recv().await;
        panic!("on purpose: {number:?}");
    });
    let mut numbers = peers::<Number>(&b, ChannelConfig::new());
    let (mut texts_a, mut texts_b) =
        (peers::<Text>(&a, ChannelConfig::new()), peers::<Text>(&b, ChannelConfig::new()));
    let mut peer = soon(numbers.recv()).await.unwrap();
    peer.send(&Number(1)).await.unwrap();
    assert_eq!(soon(peer.recv()).await, None);
    assert_eq!(peer.close_reason(), Some(CloseReason::Panicked));
    let closed = SendError::Closed { reason: CloseReason::Panicked };
    assert_eq!(peer.send(&Number(2)).await, Err(closed));

    let (left, mut right) =
        (soon(texts_a.recv()).await.unwrap(), soon(texts_b.recv()).await.unwrap());
    left.send(&text("alive")).await.unwrap();
    assert_eq!(soon(right.recv()).await, Some(text("alive")));
}

#[tokio::test]
async fn a_node_that_ends_lets_those_go_who_wait_to_send_to_it() {
    let (a, mortal) = (hub(0), Mortal::new(1));
    join((&a, 0), (&mortal.hub, 1), LinkKind::Messages);
    let mut at_a = peers::<Number>(&a, small_window());
    let mut at_b = peers::<Number>(&mortal.hub, small_window());
    let (left, _right) = (soon(at_a.recv()).await.unwrap(), soon(at_b.recv()).await.unwrap());
    fill(&left);
    let waiting = tokio::spawn(async move { left.send(&Number(0)).await });
    let_others_run(1).await;
    mortal.die();
    let closed = SendError::Closed { reason: CloseReason::Ended };
    assert_eq!(soon(waiting).await.unwrap(), Err(closed));
}

/// A value of any bytes, whose `Deserialize` panics.
#[derive(Debug, Serialize)]
struct Bomb(u8);

impl<'de> Deserialize<'de> for Bomb {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("a bomb");
    }
}
message!(Bomb);

#[test]
fn a_panic_of_a_handler_is_in_the_log_and_so_is_one_of_its_deserialize() {
    let log = log::Log::default();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    tracing::subscriber::with_default(log.clone(), || {
        runtime.block_on(async {
            let (a, b) = pair();
            a.on_node(ChannelConfig::new(), |mut peer: Peer<Bomb>| async move {
                peer.recv().await;
            });
            let mut at_b = peers::<Bomb>(&b, ChannelConfig::new());
            let mut peer = soon(at_b.recv()).await.unwrap();
            peer.send(&Bomb(1)).await.unwrap();
            assert!(soon(peer.recv()).await.is_none());
            assert_eq!(peer.close_reason(), Some(CloseReason::Panicked));
        });
    });
    let lines = log.lines_with("a bomb");
    assert_eq!(lines, ["the Bomb handler for node 1 panicked: a bomb"]);
}

#[derive(Debug, Serialize, Deserialize)]
struct NotSync(Cell<u32>);
message!(NotSync);

#[tokio::test]
async fn a_message_need_not_be_sync() {
    let (_a, left, _b, mut right) = channel::<NotSync>(small_window()).await;
    left.try_send(&NotSync(Cell::new(4))).unwrap();
    assert_eq!(soon(right.recv()).await.unwrap().0.get(), 4);
}

#[tokio::test]
async fn two_handlers_that_only_send_wait_and_a_sender_is_the_way_out() {
    let (a, b) = pair();
    let (give, mut got) = mpsc::unbounded_channel();
    for hub in [&a, &b] {
        let give = give.clone();
        hub.on_node(small_window(), move |mut peer: Peer<Number>| {
            let give = give.clone();
            async move {
                let full = fill(&peer);
                let mut stuck = Box::pin(async { peer.send(&Number(full)).await });
                assert!(futures_poll(&mut stuck).await.is_none());
                drop(stuck);
                let sender = peer.sender();
                let sending = tokio::spawn(async move { sender.send(&Number(full)).await });
                for n in 0..=full {
                    assert_eq!(peer.recv().await, Some(Number(n)));
                }
                give.send(sending.await.unwrap()).unwrap();
                peer.recv().await;
            }
        });
    }
    assert_eq!(soon(got.recv()).await, Some(Ok(())));
    assert_eq!(soon(got.recv()).await, Some(Ok(())));
}
