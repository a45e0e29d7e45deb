//! Descriptors beside messages: each with its own, in order, whichever way the bytes go.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::task::Poll;

use super::*;
use crate::link::error::{CloseReason, SendError};
use crate::link::when_full::WhenFull;

/// Something to send that says who it is.
pub(super) fn saying(text: &str) -> OwnedFd {
    let (reader, mut writer) = pipe().unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    reader.into()
}

/// What one that came says.
pub(super) fn said(fd: OwnedFd) -> String {
    let mut text = String::new();
    PipeReader::from(fd).read_to_string(&mut text).unwrap();
    text
}

/// One to send, and what finds out that nobody has it any more.
fn watched() -> (OwnedFd, PipeWriter) {
    let (reader, writer) = pipe().unwrap();
    (reader.into(), writer)
}

/// Waits until nobody has it any more.
async fn is_closed(mut writer: PipeWriter) {
    soon(async {
        while writer.write_all(b"?").is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// As many as message `n` has: most have none.
fn count(n: u64) -> u64 {
    match n % 7 {
        3 => 1,
        5 => n % 17,
        _ => 0,
    }
}

fn fds(n: u64) -> Vec<OwnedFd> {
    (0..count(n)).map(|fd| saying(&format!("{n}.{fd}"))).collect()
}

async fn send(peer: &Peer<Number>, n: u64) {
    match count(n) {
        0 => peer.send(&Number(n)).await.unwrap(),
        _ => peer.send_with_fds(&Number(n), fds(n)).await.unwrap(),
    }
}

/// Receives message `n` with its own descriptors.
async fn receives(peer: &mut Peer<Number>, n: u64) {
    let (Number(number), fds) = soon(peer.recv_with_fds()).await.unwrap();
    let said: Vec<String> = fds.unwrap().into_iter().map(said).collect();
    let expected: Vec<String> = (0..count(n)).map(|fd| format!("{n}.{fd}")).collect();
    assert_eq!((number, said), (n, expected));
}

#[tokio::test]
async fn messages_with_and_without_descriptors_arrive_in_order_each_with_its_own() {
    let (_a, left, _b, mut right) = channel::<Number>(ChannelConfig::new()).await;
    let sending = tokio::spawn(async move {
        for n in 0..3_000 {
            send(&left, n).await;
        }
        left
    });
    for n in 0..3_000 {
        receives(&mut right, n).await;
    }
    soon(sending).await.unwrap();
}

#[tokio::test]
async fn both_sides_send_descriptors_at_once_and_so_do_many_tasks_and_types() {
    let (a, left, b, right) = channel::<Number>(ChannelConfig::new()).await;
    let (mut at_a, mut at_b) =
        (peers::<Text>(&a, small_window()), peers::<Text>(&b, small_window()));
    let (mut texts, others) = (soon(at_a.recv()).await.unwrap(), soon(at_b.recv()).await.unwrap());
    let mut tasks = Vec::new();
    for mut peer in [left, right] {
        let sender = peer.sender();
        tasks.push(tokio::spawn(async move {
            for n in 0..500 {
                sender.send_with_fds(&Number(n), fds(n)).await.unwrap();
            }
        }));
        tasks.push(tokio::spawn(async move {
            for n in 0..500 {
                receives(&mut peer, n).await;
            }
        }));
    }
    tasks.push(tokio::spawn(async move {
        for n in 0..200 {
            let text = n.to_string();
            others.send_with_fds(&Text(text.clone()), vec![saying(&text)]).await.unwrap();
        }
    }));
    for n in 0..200 {
        let (Text(text), fds) = soon(texts.recv_with_fds()).await.unwrap();
        let said: Vec<String> = fds.unwrap().into_iter().map(said).collect();
        assert_eq!((text, said), (n.to_string(), vec![n.to_string()]));
    }
    for task in tasks {
        soon(task).await.unwrap();
    }
}

#[tokio::test]
async fn a_large_message_with_descriptors_arrives_whole() {
    let (_a, left, _b, mut right) = channel::<Text>(ChannelConfig::new()).await;
    let large = Text("x".repeat(3 << 20));
    let sending = tokio::spawn({
        let large = large.clone();
        async move {
            for n in 0..3 {
                let fds = vec![saying(&n.to_string()), saying("and another")];
                left.send_with_fds(&large, fds).await.unwrap();
            }
            left
        }
    });
    for n in 0..3 {
        let (message, fds) = soon(right.recv_with_fds()).await.unwrap();
        let said: Vec<String> = fds.unwrap().into_iter().map(said).collect();
        assert_eq!(said, [n.to_string(), "and another".to_owned()]);
        assert!(message == large);
    }
    soon(sending).await.unwrap();
}

#[tokio::test]
async fn more_descriptors_than_a_message_may_have_are_refused_and_the_channel_goes_on() {
    let (_a, left, _b, mut right) = channel::<Number>(ChannelConfig::new()).await;
    let too_many = || (0..17).map(|_| saying("?")).collect::<Vec<_>>();
    let refused = SendError::TooManyFds { max: 16 };
    let (one, writer) = watched();
    let mut fds = too_many();
    fds.push(one);
    assert_eq!(left.send_with_fds(&Number(0), fds).await, Err(refused.clone()));
    is_closed(writer).await;
    let mut fds = too_many();
    assert_eq!(left.try_send_with_fds(&Number(0), &mut fds), Err(refused.into()));
    assert_eq!(fds.len(), 17, "they are given back");
    fds.pop();
    left.try_send_with_fds(&Number(1), &mut fds).unwrap();
    assert!(fds.is_empty());
    let (number, fds) = soon(right.recv_with_fds()).await.unwrap();
    assert_eq!((number, fds.unwrap().len()), (Number(1), 16));
}

#[tokio::test]
async fn who_sends_more_descriptors_than_the_window_holds_waits_until_some_were_received() {
    let (_a, left, _b, mut right) = channel::<Number>(ChannelConfig::new()).await;
    let mut sent = 0;
    let mut one = vec![saying("0")];
    while left.try_send_with_fds(&Number(sent), &mut one).is_ok() {
        sent += 1;
        one = vec![saying(&sent.to_string())];
    }
    assert_eq!((sent, one.len()), (63, 1), "a 64th of the window each, beside the bytes");
    assert_eq!(left.try_send(&Number(sent)), Ok(()), "there is room for bytes");
    let last = Number(sent);
    let mut waiting = pin!(left.send_with_fds(&last, one));
    let pending = std::future::poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending()));
    assert!(pending.await);
    for n in 0..sent {
        let (number, fds) = soon(right.recv_with_fds()).await.unwrap();
        let said: Vec<String> = fds.unwrap().into_iter().map(said).collect();
        assert_eq!((number, said), (Number(n), vec![n.to_string()]));
    }
    soon(waiting).await.unwrap();
    assert_eq!(soon(right.recv()).await, Some(Number(sent)));
    let (_, fds) = soon(right.recv_with_fds()).await.unwrap();
    assert_eq!(fds.unwrap().into_iter().map(said).collect::<String>(), sent.to_string());
}

#[tokio::test]
async fn a_window_that_holds_few_bytes_still_lets_sixteen_go_alone() {
    let (_a, left, _b, mut right) =
        channel::<Number>(ChannelConfig::new().window(4).max_frame(16)).await;
    for n in 0..20 {
        let sixteen = (0..16).map(|_| saying("!")).collect();
        soon(left.send_with_fds(&Number(n), sixteen)).await.unwrap();
        let (number, fds) = soon(right.recv_with_fds()).await.unwrap();
        assert_eq!((number, fds.unwrap().len()), (Number(n), 16));
    }
}

#[tokio::test]
async fn descriptors_that_nobody_wants_are_closed() {
    let (_a, left, _b, mut right) = channel::<Number>(ChannelConfig::new()).await;
    let (one, writer) = watched();
    left.send_with_fds(&Number(1), vec![one]).await.unwrap();
    assert_eq!(soon(right.recv()).await, Some(Number(1)), "without them");
    is_closed(writer).await;

    let ((waits, waiting), (comes, coming)) = (watched(), watched());
    left.send_with_fds(&Number(2), vec![waits]).await.unwrap();
    left.send(&Number(3)).await.unwrap();
    drop(right);
    is_closed(waiting).await;
    let closed = SendError::Closed { reason: CloseReason::Dropped };
    soon(async { while left.send(&Number(4)).await.is_ok() {} }).await;
    assert_eq!(left.send_with_fds(&Number(5), vec![comes]).await, Err(closed));
    is_closed(coming).await;
}

#[tokio::test]
async fn a_send_that_is_dropped_while_it_waits_closes_its_descriptors() {
    let (_a, left, _b, mut right) = channel::<Number>(small_window()).await;
    let sent = fill(&left);
    let (one, writer) = watched();
    {
        let never = Number(sent);
        let mut waiting = pin!(left.send_with_fds(&never, vec![one]));
        let pending =
            std::future::poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending()));
        assert!(pending.await);
    }
    is_closed(writer).await;
    for n in 0..sent {
        assert_eq!(soon(right.recv()).await, Some(Number(n)));
    }
    left.send(&Number(sent + 1)).await.unwrap();
    assert_eq!(soon(right.recv()).await, Some(Number(sent + 1)));
}

#[tokio::test]
async fn descriptors_that_are_under_way_are_closed_when_the_link_ends() {
    let (a, other) = (hub(0), Mortal::new(1));
    join((&a, 0), (&other.hub, 1), LinkKind::Messages);
    let (mut at_a, mut at_b) =
        (peers(&a, ChannelConfig::new()), peers(&other.hub, ChannelConfig::new()));
    let left: Peer<Number> = soon(at_a.recv()).await.unwrap();
    let right: Peer<Number> = soon(at_b.recv()).await.unwrap();
    let mut writers = Vec::new();
    for n in 0..40 {
        let (one, writer) = watched();
        left.send_with_fds(&Number(n), vec![one]).await.unwrap();
        writers.push(writer);
    }
    other.die();
    drop(right);
    for writer in writers {
        is_closed(writer).await;
    }
}

#[tokio::test]
async fn what_is_dropped_for_want_of_room_drops_its_descriptors() {
    let config = ChannelConfig::new().when_full(WhenFull::DropOldest);
    let (_a, left, _b, mut right) = channel::<Number>(config).await;
    let mut writers = Vec::new();
    for n in 0..200 {
        let (one, writer) = watched();
        soon(left.send_with_fds(&Number(n), vec![one])).await.unwrap();
        writers.push(writer);
    }
    left.send(&Number(200)).await.unwrap();
    let mut kept = 0;
    while let Some((Number(number), fds)) = soon(right.recv_with_fds()).await {
        if number == 200 {
            break;
        }
        assert_eq!(fds.unwrap().len(), 1);
        kept += 1;
    }
    // A window of them waited, and another was on its way.
    assert!((1..=128).contains(&kept), "{kept}");
    for writer in writers {
        is_closed(writer).await;
    }
}

#[tokio::test(start_paused = true)]
async fn order_holds_with_descriptors_on_the_way_to_the_ring_and_back() {
    let messaging = Messaging { ring: RingUse::Auto, ..Messaging::default() };
    let (a, b) =
        (hub_with(0, messaging, Handle::current()), hub_with(1, messaging, Handle::current()));
    join((&a, 0), (&b, 1), LinkKind::Messages);
    let (mut at_a, mut at_b) = (peers(&a, ChannelConfig::new()), peers(&b, ChannelConfig::new()));
    let left: Peer<Number> = soon(at_a.recv()).await.unwrap();
    let mut right: Peer<Number> = soon(at_b.recv()).await.unwrap();
    let mut n = 0;
    for round in 0..4 {
        assert_eq!(a.way(), "socket", "round {round}");
        let mut after = 100;
        while after > 0 {
            // As far ahead as the window lets it, so that the change comes amid what is under way.
            let until = n + 20;
            for n in n..until {
                send(&left, n).await;
            }
            while n < until {
                receives(&mut right, n).await;
                n += 1;
            }
            after -= u64::from(a.way() == "ring");
        }
        tokio::time::sleep(Duration::from_secs(11)).await;
    }
}
