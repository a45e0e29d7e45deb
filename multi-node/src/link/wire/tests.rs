use std::future::poll_fn;
use std::io::Read;

use super::super::frame::Kind;
use super::super::hello::Credit;
use super::super::lane::Lane;
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

/// Says a message of so many bytes with a few fds.
fn pass(outgoing: &Mutex<Outgoing>, bytes: usize) {
    let mut fds = (0..4).map(|_| stream_pair().unwrap().0).collect();
    let pushed = outgoing.lock().unwrap().push(0, &mut fds, |buffer, _| {
        buffer.extend(std::iter::repeat_n(7, bytes));
        Ok(())
    });
    assert!(pushed.is_ok() && fds.is_empty());
}

/// Reads all that is there; how many fds came.
fn drain_fds(theirs: &UnixStream) -> usize {
    let (mut buffer, mut came) = (Vec::with_capacity(1 << 20), 0);
    while let Ok((_, fds)) = packet::read(theirs.as_fd(), &mut buffer) {
        came += fds.map_or(0, |fds| fds.len());
        buffer.clear();
    }
    came
}

#[tokio::test]
async fn fds_wait_for_the_socket_and_bytes_for_the_fds_before_them() {
    let (mut wire, outgoing, theirs) = wire();
    outgoing.lock().unwrap().open(0, Lane::new(0, usize::MAX, 1 << 20));
    let (mut passed, mut came, mut blocked_by_fds) = (0, 0, 0);
    for bytes in (0..60).map(|round| round * 97) {
        while matches!(wire.write(&outgoing).unwrap(), Written::All) {
            pass(&outgoing, bytes);
            passed += 4;
        }
        blocked_by_fds += usize::from(wire.blocked == Some(Blocked::Socket));
        assert!(poll_fn(|cx| Poll::Ready(wire.poll_writable(cx))).await.is_pending());
        came += drain_fds(&theirs);
        poll_fn(|cx| wire.poll_writable(cx)).await.unwrap();
    }
    assert!(blocked_by_fds > 0);
    assert!(matches!(wire.write(&outgoing).unwrap(), Written::All));
    assert_eq!(came + drain_fds(&theirs), passed);
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
