//! Raw streams, and messages framed over them.

use std::pin::Pin;

use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::node::framed::{FramedRecvError, FramedSendError};
use crate::node::stream::NodeStream;

fn streams(hub: &Hub) -> mpsc::UnboundedReceiver<NodeStream> {
    let (give, take) = mpsc::unbounded_channel();
    hub.on_node_stream(move |stream| {
        let give = give.clone();
        async move { give.send(stream).unwrap_or_default() }
    });
    take
}

async fn ends() -> (NodeStream, NodeStream) {
    let (a, b) = (hub(0), hub(1));
    let (mut at_a, mut at_b) = (streams(&a), streams(&b));
    join((&a, 0), (&b, 1), LinkKind::Stream);
    (soon(at_a.recv()).await.unwrap(), soon(at_b.recv()).await.unwrap())
}

#[tokio::test]
async fn a_stream_carries_bytes_both_ways_and_ends_when_dropped() {
    let (mut left, mut right) = ends().await;
    assert_eq!((left.id(), right.id()), (NodeId(1), NodeId(0)));
    left.write_all(b"ping").await.unwrap();
    let mut four = [0; 4];
    soon(right.read_exact(&mut four)).await.unwrap();
    assert_eq!(&four, b"ping");
    right.write_all(b"pong").await.unwrap();
    drop(right);
    let mut rest = Vec::new();
    soon(left.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"pong");
}

#[tokio::test]
async fn a_stream_that_came_before_its_handler_waits_for_it() {
    let (a, b) = (hub(0), hub(1));
    join((&a, 0), (&b, 1), LinkKind::Stream);
    let mut at_a = streams(&a);
    assert_eq!(soon(at_a.recv()).await.unwrap().id(), NodeId(1));
}

#[tokio::test]
async fn a_framed_stream_carries_messages_in_order_whatever_their_size() {
    let (left, right) = ends().await;
    let (mut left, mut right) = (left.framed::<Text>(), right.framed::<Text>());
    let sent: Vec<Text> =
        (0..300).map(|n| Text("x".repeat(n * n))).chain([Text("y".repeat(8 << 20))]).collect();
    let expected = sent.clone();
    let sending = tokio::spawn(async move {
        for message in &sent {
            left.send(message).await.unwrap();
        }
    });
    for message in expected {
        assert!(soon(right.recv()).await.unwrap() == Some(message));
    }
    soon(sending).await.unwrap();
    assert_eq!(soon(right.recv()).await.unwrap(), None);
}

#[tokio::test]
async fn a_framed_stream_is_a_sink_and_a_stream() {
    let (left, right) = ends().await;
    let (mut left, mut right) = (left.framed::<Number>(), right.framed::<Number>());
    for n in 0..10 {
        soon(std::future::poll_fn(|cx| Pin::new(&mut left).poll_ready(cx))).await.unwrap();
        Pin::new(&mut left).start_send(Number(n)).unwrap();
    }
    soon(std::future::poll_fn(|cx| Pin::new(&mut left).poll_close(cx))).await.unwrap();
    for n in 0..10 {
        let next = soon(std::future::poll_fn(|cx| Pin::new(&mut right).poll_next(cx))).await;
        assert_eq!(next.unwrap().unwrap(), Number(n));
    }
    assert!(soon(std::future::poll_fn(|cx| Pin::new(&mut right).poll_next(cx))).await.is_none());
}

#[tokio::test]
async fn a_framed_send_given_up_half_way_is_sent_whole_later() {
    let (left, right) = ends().await;
    let (mut left, mut right) = (left.framed::<Text>(), right.framed::<Text>());
    let large = Text("x".repeat(4 << 20));
    tokio::select! {
        biased;
        sent = left.send(&large) => sent.expect("more than a socket holds"),
        () = let_others_run(3) => {}
    }
    let sending = tokio::spawn(async move { left.send(&text("next")).await.map(|()| left) });
    assert!(soon(right.recv()).await.unwrap() == Some(large));
    assert_eq!(soon(right.recv()).await.unwrap(), Some(text("next")));
    soon(sending).await.unwrap().unwrap();
}

#[tokio::test]
async fn framed_ends_of_different_types_say_so() {
    let (left, right) = ends().await;
    let (mut left, mut right) = (left.framed::<Text>(), right.framed::<Number>());
    left.send(&text("?")).await.unwrap();
    let error = soon(right.recv()).await.unwrap_err();
    assert!(matches!(error, FramedRecvError::Mismatch { expected: "Number", .. }), "{error}");
    assert_eq!(soon(right.recv()).await.unwrap(), None);
}

#[tokio::test]
async fn a_framed_message_over_the_cap_is_refused_and_bad_bytes_are_an_error() {
    let (left, mut raw) = ends().await;
    let mut left = left.framed::<Text>();
    let refused = left.send(&Text("x".repeat(16 << 20))).await;
    assert!(matches!(refused, Err(FramedSendError::TooLarge { max }) if max == 16 << 20));
    raw.write_all(&[0xff; 64]).await.unwrap();
    let error = soon(left.recv()).await.unwrap_err();
    assert!(matches!(error, FramedRecvError::Malformed { .. }), "{error}");
}
