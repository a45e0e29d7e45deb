//! What this side of a link reads from: the socket, or the ring that the other side offered.
//!
//! Which of the two is the other side's to say, between two frames. The socket is watched all the
//! time, since fds come through it, and since it tells that the other side is gone; what that left
//! in the ring is read first.

use std::io;
use std::mem;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::fds::Passed;
use super::frame::{Broken, Kind};
use super::hello::Fds;
use super::readable::Readable;
use super::ring::{Consumer, Rubbish};
use super::socket_in::{Aside, SocketIn};
use crate::sys::bell::Bell;
use crate::sys::ring::RingMemory;

/// The most bytes that a ring may have: it is mapped, not filled.
const MAX_SIZE: u64 = 16 * 1024 * 1024;

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
    socket: SocketIn,
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
        let socket = SocketIn::new(socket);
        Inbound { socket, ring: RingIn::None, busy_poll, spin_until: None }
    }

    /// Reads once, at most into the room that `buffer` has.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<Result<Read, Broken>> {
        let RingIn::Reading(ring) = &mut self.ring else {
            return self.socket.poll_read(cx, buffer);
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
            let said = ready!(self.socket.poll_aside(cx))?;
            // Whatever else the socket says was said after what is in the ring.
            match said {
                Aside::Fds => {}
                Aside::Later | Aside::End if ring.consumer.has_more()? => {}
                Aside::Later => return Poll::Ready(Err(Broken::Way)),
                Aside::End => return Poll::Ready(Ok(Read::End)),
            }
        }
    }

    /// The other side named the fds of a message to come.
    ///
    /// # Errors
    /// When they did not come with that.
    pub(super) fn named(&mut self, fds: Fds) -> Result<(), Broken> {
        self.socket.arrivals.named(fds)
    }

    /// The fds of the message that was just read.
    ///
    /// # Errors
    /// When it has none.
    pub(super) fn fds(&mut self) -> Result<Passed, Broken> {
        match self.ring {
            RingIn::Reading(_) => self.socket.fds_from_aside(),
            RingIn::None | RingIn::Waiting(_) => {
                self.socket.arrivals.of_a_message().ok_or(Broken::Fds)
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
        let fds = self.socket.arrivals.of_a_frame();
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
                self.socket.keep(&rest[from..]);
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
