//! HTTP/1: every request that arrives is answered, and the last answer says that it is the last.

use std::time::Duration;

use tokio::time::Instant;

use super::{GRACE, Rig, since, soon};

#[tokio::test(start_paused = true)]
async fn a_connection_is_kept_while_serving() {
    let mut rig = Rig::start();
    let mut client = rig.connect();
    for _ in 0..3 {
        client.get("/").await;
        let answer = client.answer("hello").await;
        assert!(answer.is_ok() && !answer.says_close(), "{answer:?}");
    }
    drop(client);
    rig.drain();
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_in_the_grace_is_answered_and_the_connection_closes_after_it() {
    let mut rig = Rig::start();
    let mut client = rig.connect();
    client.get("/").await;
    client.answer("hello").await;
    let started = Instant::now();
    rig.drain();
    tokio::time::sleep(GRACE / 2).await;
    client.get("/").await;
    let answer = client.answer("hello").await;
    assert!(answer.is_ok() && answer.says_close(), "{answer:?}");
    assert_eq!(client.rest().await, "");
    drop(client);
    rig.ended().await;
    assert!(since(started) < GRACE, "{:?}", since(started));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_when_the_grace_is_over() {
    let mut rig = Rig::start();
    let mut used = rig.connect();
    used.get("/").await;
    used.answer("hello").await;
    let mut fresh = rig.connect();
    let started = Instant::now();
    rig.drain();
    assert_eq!(used.rest().await, "");
    assert_eq!(fresh.rest().await, "");
    rig.ended().await;
    assert!(since(started) >= GRACE, "{:?}", since(started));
    assert!(since(started) < GRACE + GRACE / 10, "{:?}", since(started));
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_byte_may_send_its_first_request_in_the_grace() {
    let mut rig = Rig::start();
    let mut client = rig.connect();
    rig.drain();
    tokio::time::sleep(GRACE / 2).await;
    client.get("/").await;
    let answer = client.answer("hello").await;
    assert!(answer.is_ok() && answer.says_close(), "{answer:?}");
    drop(client);
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_first_request_that_comes_in_pieces_is_answered_though_the_grace_ends_between_them() {
    let mut rig = Rig::start();
    let mut client = rig.connect();
    rig.drain();
    client.send("GET / HTTP/1.1\r\nho").await;
    tokio::time::sleep(GRACE * 2).await;
    client.send("st: test\r\n\r\n").await;
    assert!(client.answer("hello").await.says_close());
    drop(client);
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_next_request_that_comes_in_pieces_is_answered_though_the_grace_ends_between_them() {
    let mut rig = Rig::start();
    let mut client = rig.connect();
    client.get("/").await;
    client.answer("hello").await;
    rig.drain();
    client.send("GET / HTTP/1.1\r\nho").await;
    tokio::time::sleep(GRACE * 2).await;
    client.send("st: test\r\n\r\n").await;
    assert!(client.answer("hello").await.says_close());
    assert_eq!(client.rest().await, "");
    drop(client);
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_in_progress_is_finished_however_long_it_takes() {
    let mut rig = Rig::start();
    let mut client = rig.connect();
    client.get("/slow").await;
    soon(rig.entered.notified()).await;
    rig.drain();
    tokio::time::sleep(GRACE * 20).await;
    assert!(!rig.served.is_finished());
    rig.go_on.notify_one();
    let answer = client.answer("slow").await;
    assert!(answer.is_ok() && answer.says_close(), "{answer:?}");
    assert_eq!(client.rest().await, "");
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_upload_is_finished_and_answered() {
    let mut rig = Rig::start();
    let mut client = rig.connect();
    client.send("POST /count HTTP/1.1\r\nhost: test\r\ncontent-length: 8\r\n\r\nhalf").await;
    rig.drain();
    tokio::time::sleep(GRACE * 5).await;
    client.send("half").await;
    let answer = client.answer("8").await;
    assert!(answer.is_ok() && answer.says_close(), "{answer:?}");
    drop(client);
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_download_is_finished() {
    let mut rig = Rig::start();
    let mut client = rig.connect();
    client.get("/stream").await;
    rig.body.send("one").expect("it is being sent");
    client.read_to("one\r\n").await;
    rig.drain();
    tokio::time::sleep(GRACE * 5).await;
    rig.body.send("two").expect("it is being sent");
    client.read_to("two\r\n").await;
    rig.body = tokio::sync::mpsc::unbounded_channel().0;
    assert_eq!(client.rest().await, "0\r\n\r\n", "ended, not cut off");
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_download_that_could_not_say_close_any_more_is_followed_by_one_more_answer() {
    let mut rig = Rig::start();
    let mut client = rig.connect();
    client.get("/stream").await;
    rig.body.send("one").expect("it is being sent");
    assert!(!client.read_to("one\r\n").await.contains("close"));
    rig.drain();
    tokio::time::sleep(GRACE / 2).await;
    rig.body = tokio::sync::mpsc::unbounded_channel().0;
    client.read_to("0\r\n\r\n").await;
    client.get("/").await;
    assert!(client.answer("hello").await.says_close());
    drop(client);
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn of_pipelined_requests_the_one_in_progress_says_close_and_the_others_stay_unanswered() {
    let mut rig = Rig::start();
    let mut client = rig.connect();
    client.get("/").await;
    client.get("/slow").await;
    client.get("/").await;
    assert!(!client.answer("hello").await.says_close());
    soon(rig.entered.notified()).await;
    rig.drain();
    rig.go_on.notify_one();
    assert!(client.answer("slow").await.says_close());
    assert_eq!(client.rest().await, "");
    drop(client);
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_keep_alive_client_of_http_1_0_is_told_to_close_and_nothing_else() {
    let mut rig = Rig::start();
    let mut client = rig.connect();
    let request = "GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n";
    client.send(request).await;
    assert!(client.answer("hello").await.says_keep_alive());
    rig.drain();
    client.send(request).await;
    let answer = client.answer("hello").await;
    assert!(answer.says_close() && !answer.says_keep_alive(), "{answer:?}");
    assert_eq!(client.rest().await, "");
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_still_sending_when_it_is_told_to_close_is_not_cut_off() {
    let mut rig = Rig::start();
    let mut client = rig.connect();
    rig.drain();
    client.send("POST /ignore HTTP/1.1\r\nhost: test\r\ncontent-length: 1000000\r\n\r\n").await;
    assert!(client.answer("ignored").await.says_close());
    client.send(&"x".repeat(1_000_000)).await;
    assert_eq!(client.rest().await, "");
    drop(client);
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_on_sending_after_its_last_answer_holds_nobody_up_for_long() {
    let mut rig = Rig::start();
    let mut client = rig.connect();
    let started = Instant::now();
    rig.drain();
    client.send("POST /ignore HTTP/1.1\r\nhost: test\r\ncontent-length: 1000000\r\n\r\n").await;
    assert!(client.answer("ignored").await.says_close());
    while !rig.served.is_finished() {
        // Fails once the server has closed.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut client.io, &[b'x'; 1000]).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    rig.ended().await;
    assert!(since(started) < GRACE + Duration::from_secs(2), "{:?}", since(started));
}

#[tokio::test(start_paused = true)]
async fn without_a_grace_idle_connections_close_at_once_and_busy_ones_are_answered() {
    let mut rig = Rig::with_grace(Duration::ZERO);
    let (mut new, mut idle, mut busy) = (rig.connect(), rig.connect(), rig.connect());
    idle.get("/").await;
    idle.answer("hello").await;
    busy.get("/slow").await;
    soon(rig.entered.notified()).await;
    let started = Instant::now();
    rig.drain();
    assert_eq!(idle.rest().await, "");
    assert_eq!(new.rest().await, "");
    assert!(since(started) < Duration::from_millis(10), "{:?}", since(started));
    rig.go_on.notify_one();
    assert!(busy.answer("slow").await.says_close());
    drop(busy);
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_longer_grace_answers_for_longer() {
    let mut rig = Rig::with_grace(GRACE * 10);
    let mut idle = rig.connect();
    idle.get("/").await;
    idle.answer("hello").await;
    rig.drain();
    tokio::time::sleep(GRACE * 9).await;
    idle.get("/").await;
    assert!(idle.answer("hello").await.says_close());
    drop(idle);
    rig.ended().await;
}
