//! HTTP/2 with prior knowledge: GOAWAY, and what was opened before it arrived is answered.

use std::time::Duration;

use axum::http::Request;
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::super::silence::PING;
use super::{Client, GRACE, Rig, since, soon};

type Connection = JoinHandle<Result<(), h2::Error>>;

async fn connect(rig: &Rig) -> (SendRequest<Bytes>, Connection) {
    let (requests, connection) = soon(h2::client::handshake(rig.connect().io)).await.expect("h2");
    (requests, tokio::spawn(connection))
}

fn get(requests: &mut SendRequest<Bytes>, path: &str) -> ResponseFuture {
    let request = Request::get(format!("http://test{path}")).body(()).expect("valid");
    requests.send_request(request, true).expect("the connection is open").0
}

async fn body(response: ResponseFuture) -> String {
    let response = soon(response).await.expect("an answer");
    assert!(!response.headers().contains_key("connection"), "{response:?}");
    let (mut body, mut text) = (response.into_body(), Vec::new());
    while let Some(chunk) = soon(body.data()).await {
        text.extend_from_slice(&chunk.expect("a whole body"));
    }
    String::from_utf8(text).expect("text")
}

#[tokio::test(start_paused = true)]
async fn streams_in_flight_finish_and_the_connection_ends_without_an_error() {
    let mut rig = Rig::start();
    let (mut requests, connection) = connect(&rig).await;
    let slow = get(&mut requests, "/slow");
    soon(rig.entered.notified()).await;
    assert_eq!(body(get(&mut requests, "/")).await, "hello");
    rig.drain();
    tokio::time::sleep(GRACE * 20).await;
    assert!(!rig.served.is_finished());
    let refused = requests.clone().ready().await.err().map(|error| error.is_go_away());
    assert_eq!(refused, Some(true), "the client knows that it is to go elsewhere");
    rig.go_on.notify_one();
    assert_eq!(body(slow).await, "slow");
    soon(connection).await.expect("no panic").expect("a clean end");
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_told_at_once_and_not_after_the_grace() {
    let mut rig = Rig::start();
    let (mut requests, connection) = connect(&rig).await;
    assert_eq!(body(get(&mut requests, "/")).await, "hello");
    let started = Instant::now();
    rig.drain();
    soon(connection).await.expect("no panic").expect("a clean end");
    rig.ended().await;
    assert_eq!(since(started).as_millis(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_opened_before_goaway_was_seen_is_answered() {
    let mut rig = Rig::start();
    let (mut requests, connection) = connect(&rig).await;
    assert_eq!(body(get(&mut requests, "/")).await, "hello");
    rig.drain();
    // No await in between: the client's task has not run, so it cannot know of the drain.
    let crossing = get(&mut requests, "/");
    assert_eq!(body(crossing).await, "hello");
    soon(connection).await.expect("no panic").expect("a clean end");
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_opens_in_the_drain_gets_its_answers() {
    let mut rig = Rig::start();
    let client = rig.connect();
    rig.drain();
    let (mut requests, connection) = soon(h2::client::handshake(client.io)).await.expect("h2");
    let crossing = get(&mut requests, "/");
    let connection = tokio::spawn(connection);
    assert_eq!(body(crossing).await, "hello");
    soon(connection).await.expect("no panic").expect("a clean end");
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_gone_without_a_word_does_not_hold_the_drain_up() {
    let mut rig = Rig::start();
    let (mut requests, connection) =
        soon(h2::client::handshake(rig.connect().io)).await.expect("h2");
    let mut connection = Box::pin(connection);
    let answer = tokio::select! {
        answer = body(get(&mut requests, "/")) => answer,
        ended = &mut connection => panic!("the connection ended: {ended:?}"),
    };
    assert_eq!(answer, "hello");
    let started = Instant::now();
    rig.drain();
    // The client's connection is there, but nobody runs it any more.
    rig.ended().await;
    assert!(since(started) >= PING && since(started) < PING + GRACE, "{:?}", since(started));
    drop(connection);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_outlasts_the_wait_for_a_ping_is_answered_to_a_client_that_lives() {
    let mut rig = Rig::start();
    let (mut requests, connection) = connect(&rig).await;
    let slow = get(&mut requests, "/slow");
    soon(rig.entered.notified()).await;
    rig.drain();
    tokio::time::sleep(PING * 5).await;
    rig.go_on.notify_one();
    assert_eq!(body(slow).await, "slow");
    soon(connection).await.expect("no panic").expect("a clean end");
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn the_preface_may_come_in_pieces() {
    let mut rig = Rig::start();
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    rig.connections.send(theirs).expect("the server runs");
    let (near, far) = tokio::io::duplex(64 * 1024);
    tokio::spawn(byte_by_byte(far, ours));
    let (mut requests, connection) = soon(h2::client::handshake(near)).await.expect("h2");
    let connection = tokio::spawn(connection);
    assert_eq!(body(get(&mut requests, "/")).await, "hello");
    rig.drain();
    soon(connection).await.expect("no panic").expect("a clean end");
    rig.ended().await;
}

/// Passes on what the client sends one byte at a time, and answers as they come.
async fn byte_by_byte(client: DuplexStream, server: DuplexStream) {
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_server, mut to_server) = tokio::io::split(server);
    tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
        let _ = to_client.shutdown().await;
    });
    while let Ok(byte) = from_client.read_u8().await {
        if to_server.write_u8(byte).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    let _ = to_server.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_only_begins_like_the_preface_is_http_1() {
    for begin in ["P", "PRI * HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r"] {
        let rig = Rig::start();
        let Client { mut io, .. } = rig.connect();
        soon(io.write_all(begin.as_bytes())).await.expect("the server reads");
        // The clock moves when nobody has anything to do: the server has read what there was.
        tokio::time::sleep(Duration::from_millis(1)).await;
        soon(io.write_all(b"ATCH / HTTP/1.1\r\nhost: test\r\n\r\n")).await.expect("likewise");
        let mut answer = Vec::new();
        while answer.len() < 12 {
            assert_ne!(soon(io.read_buf(&mut answer)).await.expect("a clean connection"), 0);
        }
        let expected = if begin == "P" { "HTTP/1.1 405" } else { "HTTP/1.1 400" };
        assert_eq!(String::from_utf8_lossy(&answer[..12]), expected);
    }
}
