use std::future::poll_fn;
use std::io::Read;

use super::super::frame::Kind;
use super::super::hello::Credit;
use super::*;
use crate::config::{Messaging, RingUse};
use crate::sys::packet::stream_pair;

/// What a node has that uses no rings.
fn pool() -> Arc<Pool> {
    Pool::new(Messaging { ring: RingUse::Off, ..Messaging::default() })
}

/// A wire, what it has to write, and the other side.
fn wire() -> (Wire, Mutex<Outgoing>, UnixStream) {
    let (ours, theirs) = stream_pair().unwrap();
    let (_readable, wire) = ends(ours, &pool()).unwrap();
    (wire, Mutex::new(Outgoing::new()), UnixStream::from(theirs))
}

/// Says so many frames; the bytes they take.
fn say(outgoing: &Mutex<Outgoing>, frames: u64) -> usize {
    let mut outgoing = outgoing.lock().unwrap();
    let before = outgoing.pending();
    (0..frames).for_each(|n| outgoing.control(Kind::Credit, 0, &Credit(n)));
    outgoing.pending() - before
}

/// Writes, turn after turn, until the kernel takes no more.
fn block(wire: &mut Wire, outgoing: &Mutex<Outgoing>) -> usize {
    let mut said = 0;
    loop {
        said += say(outgoing, 1_000);
        if matches!(wire.write(outgoing).unwrap(), Written::Blocked) {
            return said;
        }
    }
}

/// Reads all that is there.
fn drain(theirs: &mut UnixStream) -> usize {
    let mut bytes = Vec::new();
    let end = theirs.read_to_end(&mut bytes).expect_err("the other side lives");
    assert_eq!(end.kind(), io::ErrorKind::WouldBlock);
    bytes.len()
}

#[tokio::test]
async fn a_wire_that_the_kernel_keeps_up_with_is_not_registered_for_writing() {
    let (mut wire, outgoing, mut theirs) = wire();
    for _ in 0..100 {
        let said = say(&outgoing, 10);
        assert!(matches!(wire.write(&outgoing).unwrap(), Written::All));
        wire.rest();
        assert_eq!(drain(&mut theirs), said);
        assert!(wire.writable.is_none() && !wire.is_blocked());
    }
}

#[tokio::test]
async fn a_backlog_is_registered_for_writing_until_it_is_gone() {
    let (mut wire, outgoing, mut theirs) = wire();
    let (mut said, mut read) = (0, 0);
    for _ in 0..3 {
        said += block(&mut wire, &outgoing);
        assert!(wire.is_blocked());
        loop {
            assert!(poll_fn(|cx| Poll::Ready(wire.poll_writable(cx))).await.is_pending());
            read += drain(&mut theirs);
            poll_fn(|cx| wire.poll_writable(cx)).await.unwrap();
            match wire.write(&outgoing).unwrap() {
                Written::All => break,
                Written::Turn | Written::Blocked => assert!(wire.writable.is_some()),
            }
        }
        wire.rest();
        assert!(wire.writable.is_none() && !wire.is_blocked());
    }
    assert_eq!(read + drain(&mut theirs), said);
}

#[tokio::test]
async fn a_blocked_wire_learns_that_the_other_side_is_gone() {
    let (mut wire, outgoing, theirs) = wire();
    block(&mut wire, &outgoing);
    drop(theirs);
    poll_fn(|cx| wire.poll_writable(cx)).await.unwrap();
    let error = wire.write(&outgoing).err().expect("nobody is there");
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn a_wire_that_closes_tells_the_other_side() {
    let (ours, theirs) = stream_pair().unwrap();
    let (_still_reads, mut wire) = ends(ours, &pool()).unwrap();
    let (outgoing, mut theirs) = (Mutex::new(Outgoing::new()), UnixStream::from(theirs));
    let said = say(&outgoing, 1);
    assert!(matches!(wire.write(&outgoing).unwrap(), Written::All));
    wire.close();
    let mut bytes = Vec::new();
    assert_eq!(theirs.read_to_end(&mut bytes).unwrap(), said);
    say(&outgoing, 1);
    assert!(wire.write(&outgoing).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_wire_without_an_fd_to_spare_asks_again() {
    let mut asked = None;
    let waited = poll_fn(|cx| match asked {
        None => {
            asked = Some(tokio::time::Instant::now());
            ask_again(cx);
            Poll::Pending
        }
        Some(began) => Poll::Ready(began.elapsed()),
    });
    assert!(waited.await >= ASK_AGAIN);
}
