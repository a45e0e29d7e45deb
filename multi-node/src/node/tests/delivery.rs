//! What is sent arrives: in order, once, whole, at whoever it is for.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::time::Instant;

use futures_core::Stream;

use super::*;
use crate::link::error::{CloseReason, SendError};

#[tokio::test]
async fn a_message_arrives_at_the_other_node() {
    let (_a, left, _b, mut right) = channel::<Text>(ChannelConfig::new()).await;
    assert_eq!((left.id(), right.id()), (NodeId(1), NodeId(0)));
    left.send(&text("hello")).await.unwrap();
    assert_eq!(soon(right.recv()).await, Some(text("hello")));
}

#[tokio::test]
async fn messages_arrive_in_order_and_once_through_many_windows() {
    let (_a, left, _b, mut right) = channel::<Number>(ChannelConfig::new().window(4096)).await;
    let sending = tokio::spawn(async move {
        for n in 0..50_000 {
            left.send(&Number(n)).await.unwrap();
        }
        left
    });
    for n in 0..50_000 {
        assert_eq!(soon(right.recv()).await, Some(Number(n)));
    }
    soon(sending).await.unwrap();
}

#[test]
fn two_runtimes_of_many_threads_deliver_in_order_from_every_sender() {
    let runtimes = [multi_thread(), multi_thread()];
    let hubs = [0, 1].map(|id| hub_on(id, runtimes[id as usize].handle().clone()));
    join((&hubs[0], 0), (&hubs[1], 1), LinkKind::Messages);
    let config = ChannelConfig::new().window(10_000);
    let (mut at_a, mut at_b) = (peers::<Text>(&hubs[0], config), peers::<Text>(&hubs[1], config));
    runtimes[0].block_on(async {
        let (left, mut right) =
            (soon(at_a.recv()).await.unwrap(), soon(at_b.recv()).await.unwrap());
        for task in 0..4 {
            let sender = left.sender();
            tokio::spawn(async move {
                for n in 0..5_000 {
                    sender.send(&Text(format!("{task} {n}"))).await.unwrap();
                }
            });
        }
        let mut next = [0; 4];
        for _ in 0..20_000 {
            let Text(said) = soon(right.recv()).await.unwrap();
            let (task, n) = said.split_once(' ').unwrap();
            let expected = &mut next[task.parse::<usize>().unwrap()];
            assert_eq!(n.parse(), Ok(*expected));
            *expected += 1;
        }
    });
    runtimes.into_iter().for_each(|runtime| runtime.shutdown_timeout(DEADLINE));
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[tokio::test]
async fn eight_nodes_that_all_send_to_each_other_at_once_all_get_everything() {
    const EACH: u64 = 2_000;
    let hubs = mesh(8);
    let (done, mut finished) = mpsc::unbounded_channel();
    for hub in &hubs {
        let done = done.clone();
        hub.on_node(ChannelConfig::new().window(1024), move |mut peer: Peer<Number>| {
            let done = done.clone();
            async move {
                let sender = peer.sender();
                tokio::spawn(async move {
                    for n in 0..EACH {
                        sender.send(&Number(n)).await.unwrap();
                    }
                });
                for n in 0..EACH {
                    assert_eq!(peer.recv().await, Some(Number(n)));
                }
                done.send(()).unwrap();
                // Held to the end: a dropped peer would refuse what is still on its way.
                peer.recv().await;
            }
        });
    }
    for _ in 0..8 * 7 {
        soon(finished.recv()).await.unwrap();
    }
}

#[tokio::test]
async fn a_message_of_8_mib_arrives_intact_between_small_ones() {
    let (_a, left, _b, mut right) = channel::<Text>(ChannelConfig::new()).await;
    let large: String = (0..8 << 20).map(|n: u32| char::from(b'a' + (n % 25) as u8)).collect();
    let sent = [text("before"), Text(large), text("after")];
    let expected = sent.clone();
    let sending = tokio::spawn(async move {
        for message in &sent {
            left.send(message).await.unwrap();
        }
        left
    });
    for message in expected {
        assert!(soon(right.recv()).await == Some(message));
    }
    soon(sending).await.unwrap();
}

#[tokio::test]
async fn several_types_share_a_link_each_in_its_own_order() {
    let (a, b) = pair();
    let (mut texts_a, mut texts_b) =
        (peers::<Text>(&a, ChannelConfig::new()), peers::<Text>(&b, ChannelConfig::new()));
    let (mut numbers_b, mut numbers_a) =
        (peers::<Number>(&b, ChannelConfig::new()), peers::<Number>(&a, ChannelConfig::new()));
    let (text_out, mut text_in) =
        (soon(texts_a.recv()).await.unwrap(), soon(texts_b.recv()).await.unwrap());
    let (number_out, mut number_in) =
        (soon(numbers_a.recv()).await.unwrap(), soon(numbers_b.recv()).await.unwrap());
    for n in 0..1_000 {
        text_out.send(&Text(n.to_string())).await.unwrap();
        number_out.send(&Number(n)).await.unwrap();
    }
    for n in 0..1_000 {
        assert_eq!(soon(number_in.recv()).await, Some(Number(n)));
        assert_eq!(soon(text_in.recv()).await, Some(Text(n.to_string())));
    }
}

#[tokio::test]
async fn what_was_sent_before_a_node_ended_is_still_received() {
    let (mortal, b) = (Mortal::new(0), hub(1));
    join((&mortal.hub, 0), (&b, 1), LinkKind::Messages);
    let mut at_a = peers::<Number>(&mortal.hub, ChannelConfig::new());
    let mut at_b = peers::<Number>(&b, ChannelConfig::new());
    let (left, mut right) = (soon(at_a.recv()).await.unwrap(), soon(at_b.recv()).await.unwrap());
    for n in 0..1_000 {
        left.send(&Number(n)).await.unwrap();
    }
    assert_eq!(soon(mortal.hub.flush(Instant::now() + DEADLINE)).await, []);
    mortal.die();
    for n in 0..1_000 {
        assert_eq!(soon(right.recv()).await, Some(Number(n)));
    }
    assert_eq!(soon(right.recv()).await, None);
    assert_eq!(right.close_reason(), Some(CloseReason::Ended));
    let closed = SendError::Closed { reason: CloseReason::Ended };
    assert_eq!(soon(right.send(&Number(0))).await, Err(closed));
    assert_eq!(b.peers::<Number>(), []);
}

#[tokio::test]
async fn flush_names_those_who_did_not_take_everything_in_time() {
    let a = hub(0);
    let (ours, _theirs) = stream_pair().unwrap();
    a.link(NodeId(1), LinkKind::Messages, ours);
    assert_eq!(soon(a.flush(Instant::now() + DEADLINE)).await, []);

    let (ours, theirs) = stream_pair().unwrap();
    fill(&ours);
    a.link(NodeId(2), LinkKind::Messages, ours);
    assert_eq!(soon(a.flush(Instant::now())).await, [NodeId(2)]);
    drop(theirs);
    assert_eq!(soon(a.flush(Instant::now() + DEADLINE)).await, []);
}

/// Writes until the kernel takes no more.
fn fill(socket: &OwnedFd) {
    let mut socket = UnixStream::from(socket.try_clone().unwrap());
    while socket.write(&[0; 4096]).is_ok() {}
}

#[tokio::test]
async fn a_peer_is_a_stream_of_its_messages() {
    let (_a, left, _b, mut right) = channel::<Number>(ChannelConfig::new()).await;
    for n in 0..10 {
        left.send(&Number(n)).await.unwrap();
    }
    for n in 0..10 {
        let next = std::future::poll_fn(|cx| Pin::new(&mut right).poll_next(cx));
        assert_eq!(soon(next).await, Some(Number(n)));
    }
}
