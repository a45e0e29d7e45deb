//! What this side of a link reads from: the socket, or the ring that the other side offered.
//!
//! Which of the two is the other side's to say, between two frames. The socket is watched all the
//! time, since it tells that the other side is gone; what that left in the ring is read first.

use std::io;
use std::mem;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::frame::{Broken, Kind};
use super::readable::Readable;
use super::ring::{Consumer, Rubbish};
use crate::sys::bell::Bell;
use crate::sys::ring::RingMemory;

/// The most bytes that a ring may have: it is mapped, not filled.
const MAX_SIZE: u64 = 16 * 1024 * 1024;

/// The most fds that wait for the frame that they came with.
const MAX_FDS: usize = 16;

/// How a read went.
#[derive(Debug)]
pub(super) enum Read {
    /// So many bytes came.
    Bytes(usize),
    /// The other side is gone.
    End,
}

/// The reading end of a link. See the module.
#[derive(Debug)]
pub(super) struct Inbound {
    socket: Readable,
    /// They came with frames that have not been seen yet.
    fds: Vec<OwnedFd>,
    /// Read from the socket, and to be seen after what comes through the ring.
    later: Vec<u8>,
    ring: RingIn,
    busy_poll: Duration,
    /// Until when it looks for more before it sleeps; `None` when it has not begun to.
    spin_until: Option<Instant>,
}

/// The ring that the other side writes to.
#[derive(Debug)]
enum RingIn {
    None,
    /// The other side will say when it begins.
    Waiting(Reading),
    /// All that comes comes through it.
    Reading(Reading),
}

#[derive(Debug)]
struct Reading {
    consumer: Consumer,
    /// Rung by the writer.
    data: Readable,
    /// Rung for the writer.
    room: Bell,
}

impl Inbound {
    pub(super) fn new(socket: Readable, busy_poll: Duration) -> Self {
        let (fds, later) = (Vec::new(), Vec::new());
        Inbound { socket, fds, later, ring: RingIn::None, busy_poll, spin_until: None }
    }

    /// Reads once, at most into the room that `buffer` has.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<Result<Read, Broken>> {
        let RingIn::Reading(ring) = &mut self.ring else {
            if !self.later.is_empty() {
                buffer.append(&mut self.later);
                return Poll::Ready(Ok(Read::Bytes(buffer.len())));
            }
            let read = ready!(self.socket.poll_receive(cx, buffer, &mut self.fds));
            // A reset is how the kernel says that the other side left unread bytes behind.
            let Ok(bytes @ 1..) = read else { return Poll::Ready(Ok(Read::End)) };
            if self.fds.len() > MAX_FDS {
                return Poll::Ready(Err(Broken::Fds));
            }
            return Poll::Ready(Ok(Read::Bytes(bytes)));
        };
        loop {
            let bytes = ring.read(buffer)?;
            if bytes > 0 {
                self.spin_until = None;
                return Poll::Ready(Ok(Read::Bytes(bytes)));
            }
            if !self.busy_poll.is_zero() {
                let now = Instant::now();
                if now < *self.spin_until.get_or_insert(now + self.busy_poll) {
                    // Others run in between: what was read last may be what they wait for.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            if !ring.consumer.sleep()? {
                continue;
            }
            // A bell that cannot be told of is that of a runtime that ends.
            if ring.data.poll_ready(cx).is_ready() {
                ring.data.exhausted();
                continue;
            }
            // Whatever the socket says was said after what is in the ring.
            let said = ready!(self.socket.poll_peek(cx));
            if !ring.consumer.has_more()? {
                return Poll::Ready(match said {
                    Ok(1..) => Err(Broken::Way),
                    Ok(0) | Err(_) => Ok(Read::End),
                });
            }
        }
    }

    /// The other side offers a ring of that size, whose fds came with the offer; whether it can be
    /// read.
    ///
    /// # Errors
    /// When there is one already.
    pub(super) fn offered(&mut self, size: u64) -> Result<bool, Broken> {
        if !matches!(self.ring, RingIn::None) {
            return Err(Broken::Turn(Kind::Ring));
        }
        let fds = mem::take(&mut self.fds);
        if let Ok(reading) = Reading::open(fds, size) {
            self.ring = RingIn::Waiting(reading);
        }
        Ok(matches!(self.ring, RingIn::Waiting(_)))
    }

    /// What follows comes the other way. What was read after that was said is taken from `rest`:
    /// a slow reader finds in the socket what was written after the ring had been left again.
    ///
    /// # Errors
    /// When there is no other way.
    pub(super) fn switch(&mut self, rest: &mut Vec<u8>, from: usize) -> Result<(), Broken> {
        self.ring = match mem::replace(&mut self.ring, RingIn::None) {
            RingIn::Waiting(reading) => {
                self.later.extend_from_slice(&rest[from..]);
                rest.truncate(from);
                RingIn::Reading(reading)
            }
            RingIn::Reading(_) if rest.len() == from => RingIn::None,
            RingIn::Reading(_) => return Err(Broken::Way),
            RingIn::None => return Err(Broken::Turn(Kind::Switch)),
        };
        Ok(())
    }
}

impl Reading {
    fn open(fds: Vec<OwnedFd>, size: u64) -> io::Result<Self> {
        // Fewer than there should be came when this process has no room for more.
        let [memfd, data, room] =
            <[OwnedFd; 3]>::try_from(fds).map_err(|_| io::ErrorKind::InvalidData)?;
        let size = usize::try_from(size.min(MAX_SIZE)).map_err(io::Error::other)?;
        let consumer = Consumer::new(RingMemory::open(memfd, size)?);
        Ok(Reading { consumer, data: Readable::new(data)?, room: Bell::from(room) })
    }

    /// Reads what there is, and wakes a writer that waits for room.
    fn read(&mut self, buffer: &mut Vec<u8>) -> Result<usize, Rubbish> {
        let bytes = self.consumer.read(buffer, buffer.capacity() - buffer.len())?;
        if bytes > 0 && self.consumer.should_ring() {
            self.room.ring();
        }
        Ok(bytes)
    }
}
