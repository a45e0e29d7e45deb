//! How long an HTTP/1 connection may wait for a request.

use std::time::Duration;

use tokio::time::Instant;

use super::{Rig, since, soon};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_in_time_ends_the_connection() {
    for requests_before in [0, 1, 3] {
        let rig = Rig::start();
        let mut client = rig.connect();
        for _ in 0..requests_before {
            client.get("/").await;
            client.answer("hello").await;
        }
        let started = Instant::now();
        client.send("GET / HTTP/1.1\r\n").await;
        // Trickling does not help.
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(5)).await;
            client.send("x: y\r\n").await;
        }
        assert_eq!(client.rest().await, "");
        assert!(since(started) >= MINUTE / 2, "{:?}", since(started));
        assert!(since(started) <= MINUTE, "{:?}", since(started));
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_outlives_a_proxy_s_minute_and_ends_within_two() {
    for requests_before in [0, 1, 3] {
        let rig = Rig::start();
        let mut client = rig.connect();
        for _ in 0..requests_before {
            client.get("/").await;
            client.answer("hello").await;
        }
        let started = Instant::now();
        assert_eq!(client.rest().await, "");
        assert!(since(started) >= MINUTE * 3 / 2, "{:?}", since(started));
        assert!(since(started) <= MINUTE * 2, "{:?}", since(started));
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_a_request_a_minute_lives_for_ever() {
    let rig = Rig::start();
    let mut client = rig.connect();
    for _ in 0..100 {
        client.get("/").await;
        assert!(client.answer("hello").await.is_ok());
        tokio::time::sleep(MINUTE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_may_take_as_long_as_it_likes_and_be_silent_in_between() {
    let rig = Rig::start();
    let mut client = rig.connect();
    client.get("/slow").await;
    soon(rig.entered.notified()).await;
    tokio::time::sleep(MINUTE * 10).await;
    rig.go_on.notify_one();
    assert!(client.answer("slow").await.is_ok());
    client.get("/stream").await;
    for _ in 0..3 {
        tokio::time::sleep(MINUTE * 10).await;
        rig.body.send("one").expect("it is being sent");
        client.read_to("one\r\n").await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_may_go_on_after_its_response() {
    let rig = Rig::start();
    let mut client = rig.connect();
    client.send("POST /later HTTP/1.1\r\nhost: test\r\ncontent-length: 20\r\n\r\n").await;
    assert!(client.answer("later").await.is_ok());
    for _ in 0..20 {
        tokio::time::sleep(MINUTE / 2).await;
        client.send("x").await;
    }
    client.get("/").await;
    assert!(client.answer("hello").await.is_ok());
    // hyper tells the reader that the body has ended when the next request comes.
    soon(rig.entered.notified()).await;
}
