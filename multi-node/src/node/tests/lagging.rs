//! Handlers that do not keep up, each in its own way, and whom they hold up.

use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;

use futures_core::Stream;

use super::*;
use crate::link::error::{CloseReason, SendError};
use crate::link::when_full::{Lagged, WhenFull};

/// What makes a sender not wait for a handler.
const UNWAITED: [WhenFull; 3] = [WhenFull::DropNewest, WhenFull::DropOldest, WhenFull::Close];

fn small(when_full: WhenFull) -> ChannelConfig {
    small_window().when_full(when_full)
}

/// Messages that fit in that window.
const FIT: u64 = 1024 / 16;

/// Two nodes with a small channel of numbers, in which the right one has a choice, and one beside.
struct Slow {
    _hubs: (Hub, Hub),
    left: Peer<Number>,
    right: Peer<Number>,
    beside: (Peer<Text>, Peer<Text>),
}

impl Slow {
    async fn new(when_full: WhenFull) -> Slow {
        let (a, b) = pair();
        let (mut left, mut right) = (peers(&a, small_window()), peers(&b, small(when_full)));
        let (mut from, mut to) = (peers(&a, small_window()), peers(&b, small_window()));
        Slow {
            left: soon(left.recv()).await.unwrap(),
            right: soon(right.recv()).await.unwrap(),
            beside: (soon(from.recv()).await.unwrap(), soon(to.recv()).await.unwrap()),
            _hubs: (a, b),
        }
    }

    /// Sends these numbers while nobody receives them, and waits until all have come.
    async fn send(&mut self, numbers: Range<u64>) {
        for n in numbers {
            soon(self.left.send(&Number(n))).await.unwrap();
        }
        self.beside.0.send(&text("after them")).await.unwrap();
        assert_eq!(soon(self.beside.1.recv()).await, Some(text("after them")));
    }

    async fn gets(&mut self, numbers: Range<u64>) {
        for n in numbers {
            assert_eq!(soon(self.right.recv_or_lagged()).await, Some(Ok(Number(n))));
        }
    }

    async fn misses(&mut self, messages: u64) {
        assert_eq!(soon(self.right.recv_or_lagged()).await, Some(Err(Lagged(messages))));
    }
}

#[tokio::test]
async fn who_drops_the_newest_gets_the_first_and_learns_how_many_are_missing_after_them() {
    let mut slow = Slow::new(WhenFull::DropNewest).await;
    slow.send(0..1_000).await;
    slow.gets(0..FIT).await;
    slow.send(1_000..1_010).await;
    slow.misses(1_000 - FIT).await;
    slow.gets(1_000..1_010).await;
}

#[tokio::test]
async fn who_drops_the_oldest_gets_the_last_and_learns_how_many_are_missing_before_them() {
    let mut slow = Slow::new(WhenFull::DropOldest).await;
    slow.send(0..1_000).await;
    slow.misses(1_000 - FIT).await;
    slow.gets(1_000 - FIT..1_000).await;
}

#[tokio::test]
async fn what_a_handler_has_begun_is_not_dropped_any_more() {
    let mut slow = Slow::new(WhenFull::DropOldest).await;
    slow.send(0..10).await;
    slow.gets(0..1).await;
    slow.send(10..1_000).await;
    slow.gets(1..10).await;
    slow.misses(990 - FIT).await;
    slow.gets(1_000 - FIT..1_000).await;
}

#[tokio::test]
async fn recv_and_the_stream_leave_out_what_is_missing() {
    let mut slow = Slow::new(WhenFull::DropOldest).await;
    slow.send(0..1_000).await;
    assert_eq!(soon(slow.right.recv()).await, Some(Number(1_000 - FIT)));
    slow.gets(1_001 - FIT..1_000).await;
    slow.send(1_000..2_000).await;
    let next = poll_fn(|cx| Pin::new(&mut slow.right).poll_next(cx));
    assert_eq!(soon(next).await, Some(Number(2_000 - FIT)));
}

/// Sends until the channel is closed; how many went, and why no more.
async fn send_until_closed(peer: &Peer<Number>) -> (u64, SendError) {
    for n in 0.. {
        if let Err(error) = soon(peer.send(&Number(n))).await {
            return (n, error);
        }
    }
    unreachable!()
}

#[tokio::test]
async fn who_closes_gets_what_waits_then_the_loss_then_nothing_and_the_sender_is_told() {
    let (a, left, b, mut right) = channel(small(WhenFull::Close)).await;
    let (sent, error) = send_until_closed(&left).await;
    let reason = CloseReason::Lagged;
    assert_eq!(error, SendError::Closed { reason });
    assert_eq!((left.close_reason(), right.close_reason()), (Some(reason), Some(reason)));
    for n in 0..FIT {
        assert_eq!(soon(right.recv_or_lagged()).await, Some(Ok(Number(n))));
    }
    let Lagged(missing) = soon(right.recv_or_lagged()).await.unwrap().unwrap_err();
    // What was under way when it closed is not counted any more.
    assert!(missing > 0 && FIT + missing <= sent, "{missing} {sent}");
    assert_eq!(soon(right.recv_or_lagged()).await, None);
    assert_eq!(right.close_reason(), Some(reason));

    // What it sends goes on, its handler gone or not, and the reason stays.
    right.send(&Number(7)).await.unwrap();
    drop(right);
    b.send_to(NodeId(0), &Number(8)).await.unwrap();
    let mut left = left;
    assert_eq!(soon(left.recv()).await, Some(Number(7)));
    assert_eq!(soon(left.recv()).await, Some(Number(8)));
    assert_eq!(left.send(&Number(0)).await, Err(error));
    assert_eq!((a.peers::<Number>(), b.peers::<Number>()), (vec![], vec![NodeId(0)]));
}

#[tokio::test]
async fn a_handler_that_waits_for_a_message_is_not_behind() {
    for when_full in UNWAITED {
        let (_a, left, _b, mut right) = channel(small(when_full)).await;
        for n in 0..1_000 {
            let number = Number(n);
            let both = async { tokio::join!(left.send(&number), right.recv()) };
            let (sent, got) = soon(both).await;
            assert_eq!((sent, got), (Ok(()), Some(number)));
        }
    }
}

/// Node 0's peers on nodes 1, 2 and 3, of which 1 chose; then theirs for node 0.
async fn four(hubs: &[Hub], when_full: WhenFull) -> (Vec<Peer<Number>>, [Peer<Number>; 3]) {
    let configs = [small_window(), small(when_full), small_window(), small_window()];
    let mut at: Vec<_> = hubs.iter().zip(configs).map(|(hub, config)| peers(hub, config)).collect();
    let mut of_node_0 = Vec::new();
    let mut theirs = Vec::new();
    for (node, at) in at.iter_mut().enumerate() {
        let mut three = Vec::new();
        while three.len() < 3 {
            three.push(soon(at.recv()).await.unwrap());
        }
        three.sort_by_key(Peer::id);
        if node == 0 {
            of_node_0 = three;
        } else {
            theirs.push(three.swap_remove(0));
        }
    }
    (of_node_0, <[Peer<Number>; 3]>::try_from(theirs).unwrap_or_else(|_| unreachable!()))
}

#[tokio::test]
async fn a_broadcast_waits_for_no_handler_that_is_not_to_be_waited_for() {
    for when_full in UNWAITED {
        let hubs = mesh(4);
        let (_of_0, [mut stuck, mut lively, mut other]) = four(&hubs, when_full).await;
        let mut closed_at = None;
        for n in 0..1_000 {
            let sent = soon(hubs[0].broadcast(&Number(n))).await.unwrap();
            assert_eq!(sent.reached()[sent.reached().len() - 2..], [NodeId(2), NodeId(3)]);
            assert_eq!(soon(lively.recv()).await, Some(Number(n)));
            assert_eq!(soon(other.recv()).await, Some(Number(n)));
            if sent.reached().len() == 2 {
                closed_at.get_or_insert(n);
            }
        }
        if when_full == WhenFull::Close {
            assert!(closed_at.is_some_and(|n| n >= FIT), "{closed_at:?}");
            assert_eq!(hubs[0].peers::<Number>(), [NodeId(2), NodeId(3)]);
            while soon(stuck.recv()).await.is_some() {}
            assert_eq!(stuck.close_reason(), Some(CloseReason::Lagged));
        } else {
            assert_eq!(closed_at, None);
            let (mut got, mut missing) = (0, 0);
            while got + missing < 1_000 {
                match soon(stuck.recv_or_lagged()).await.unwrap() {
                    Ok(Number(n)) => {
                        assert_eq!(n, got + missing);
                        got += 1;
                    }
                    Err(Lagged(messages)) => missing += messages,
                }
            }
            assert_eq!(got + missing, 1_000);
            assert!(missing > 1_000 - 3 * FIT, "{missing}");
        }
    }
}

#[tokio::test]
async fn a_broadcast_that_waits_for_a_stuck_handler_has_reached_the_others_and_holds_up_nothing() {
    let hubs = mesh(4);
    let mut texts: Vec<_> =
        hubs[..2].iter().map(|hub| peers::<Text>(hub, small_window())).collect();
    let (text_out, mut text_in) =
        (soon(texts[0].recv()).await.unwrap(), soon(texts[1].recv()).await.unwrap());
    let (of_0, [mut stuck, mut lively, mut other]) = four(&hubs, WhenFull::Wait).await;
    let full = fill(&of_0[0]);
    let hub = hubs[0].clone();
    let sending = tokio::spawn(async move { hub.broadcast(&Number(full)).await });
    assert_eq!(soon(lively.recv()).await, Some(Number(full)));
    assert_eq!(soon(other.recv()).await, Some(Number(full)));
    // The sender's other channel to the stuck node, and its messages to the others, go on.
    for n in 0..1_000 {
        soon(text_out.send(&Text(n.to_string()))).await.unwrap();
        assert_eq!(soon(text_in.recv()).await, Some(Text(n.to_string())));
        soon(of_0[1].send(&Number(n))).await.unwrap();
        assert_eq!(soon(lively.recv()).await, Some(Number(n)));
    }
    assert!(!sending.is_finished());
    for n in 0..=full {
        assert_eq!(soon(stuck.recv_or_lagged()).await, Some(Ok(Number(n))));
    }
    let sent = soon(sending).await.unwrap().unwrap();
    assert_eq!(sent.reached(), [NodeId(1), NodeId(2), NodeId(3)]);
}

#[tokio::test]
async fn a_stopped_node_is_waited_for_whatever_it_chose_and_try_send_says_so() {
    for when_full in UNWAITED {
        let (a, mortal) = (hub(0), Mortal::new(1));
        join((&a, 0), (&mortal.hub, 1), LinkKind::Messages);
        let mut at_a = peers::<Number>(&a, small_window());
        let mut at_b = peers::<Number>(&mortal.hub, small(when_full));
        let (left, mut right) =
            (soon(at_a.recv()).await.unwrap(), soon(at_b.recv()).await.unwrap());
        let go_on = mortal.stop();
        assert_eq!(fill(&left), FIT);
        let sending = tokio::spawn(async move { left.send(&Number(FIT)).await });
        let_others_run(100).await;
        assert!(!sending.is_finished());
        go_on.send(()).unwrap();
        assert_eq!(soon(sending).await.unwrap(), Ok(()));
        assert!(soon(right.recv()).await.is_some());
        mortal.die();
    }
}

#[test]
fn on_many_threads_every_message_is_got_or_counted() {
    const TASKS: u64 = 4;
    const EACH: u64 = 20_000;
    let runtime = Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
    for when_full in [WhenFull::DropNewest, WhenFull::DropOldest] {
        runtime.block_on(async {
            let config = ChannelConfig::new().window(10_000).when_full(when_full);
            let (_a, left, _b, mut right) = channel::<Number>(config).await;
            for task in 0..TASKS {
                let sender = left.sender();
                tokio::spawn(async move {
                    for n in 0..EACH {
                        sender.send(&Number(task * EACH + n)).await.unwrap();
                    }
                });
            }
            let (mut got, mut missing, mut last) = (0, 0, [None; TASKS as usize]);
            while got + missing < TASKS * EACH {
                match soon(right.recv_or_lagged()).await.unwrap() {
                    Ok(Number(n)) => {
                        let last = &mut last[usize::try_from(n / EACH).unwrap()];
                        assert!(last.is_none_or(|last| last < n));
                        (*last, got) = (Some(n), got + 1);
                    }
                    Err(Lagged(messages)) => missing += messages,
                }
                if got % 64 == 0 {
                    let_others_run(1).await;
                }
            }
            assert_eq!(got + missing, TASKS * EACH);
        });
    }
}
