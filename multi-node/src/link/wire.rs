//! What writes: into the socket of a link, or into its ring, and how little of epoll that needs.
//!
//! The socket is registered for reading only. On a socket registered for writing too, the kernel
//! wakes the sender each time the other side reads, a wake-up a message for nothing. So writing is
//! tried, and a second fd is registered only from when the kernel takes no more until the backlog
//! is gone.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;

use super::fds::Parcel;
use super::outbound::Outbound;
use super::outgoing::Outgoing;
use super::pool::Pool;
use super::readable::Readable;
use super::way::Way;
use super::writable::Writable;
use crate::sys::packet;

/// Written in one go before others run, in bytes.
const TURN: usize = 256 * 1024;

/// A buffer larger than this is let go when the link falls idle, in bytes.
const KEEP: usize = 256 * 1024;

/// When nothing tells that the kernel takes more, it is asked this often.
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// Makes the two ends of a connected, non-blocking socket: what reads, and what writes.
///
/// # Errors
/// When there is no fd left for the second, or the kernel's poll does not take the first.
///
/// # Panics
/// Outside a tokio runtime with I/O enabled.
pub(crate) fn ends(socket: OwnedFd, pool: &Arc<Pool>) -> io::Result<(Readable, Wire)> {
    let writes = UnixStream::from(socket.try_clone()?);
    let way = Way::new(Arc::clone(pool), Handle::current());
    Ok((Readable::new(socket)?, Wire { end: Some((writes, way)), ..Wire::default() }))
}

/// How far a write got.
pub(super) enum Written {
    /// All there was.
    All,
    /// Enough for one turn.
    Turn,
    /// The kernel takes no more for now.
    Blocked,
}

/// What the kernel takes no more of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blocked {
    /// The way of the bytes is full.
    Bytes,
    /// The socket is, through which fds go.
    Socket,
    /// Too many fds of this user are under way between processes.
    Fds,
}

/// What writes, and what was taken to be written. Locked before [`Outgoing`], never after.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// `None` when nothing is written any more.
    end: Option<(UnixStream, Way)>,
    /// There while there is a backlog.
    writable: Option<Writable>,
    /// The kernel took no more when it was last asked.
    blocked: Option<Blocked>,
    taken: Vec<u8>,
    /// Fds that are to go when all before their place has been written.
    parcels: VecDeque<Parcel>,
    written: usize,
}

impl Wire {
    /// Whether the kernel is known to take nothing now.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// Writes what there is to write, unless that is too much for one turn.
    pub(super) fn write(&mut self, outgoing: &Mutex<Outgoing>) -> io::Result<Written> {
        let written = self.write_turn(outgoing);
        if let Some(ring) = self.ring() {
            ring.wake_reader();
        }
        written
    }

    fn write_turn(&mut self, outgoing: &Mutex<Outgoing>) -> io::Result<Written> {
        if self.end.is_none() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut turn = 0;
        while turn < TURN {
            if self.written == self.taken.len() && !self.take(outgoing) {
                return Ok(Written::All);
            }
            let wrote = self.write_once();
            self.blocked = wrote.as_ref().err().and_then(|error| self.blocked_by(error));
            match wrote {
                Ok(bytes) => {
                    self.written += bytes;
                    turn += bytes;
                }
                Err(_) if self.is_blocked() => return Ok(Written::Blocked),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Written::Turn)
    }

    /// What is full, when that is what a write failed with.
    fn blocked_by(&self, error: &io::Error) -> Option<Blocked> {
        let is_full = error.kind() == io::ErrorKind::WouldBlock;
        match self.parcel() {
            None => is_full.then_some(Blocked::Bytes),
            Some(_) if is_full => Some(Blocked::Socket),
            Some(_) => packet::is_passing(error).then_some(Blocked::Fds),
        }
    }

    /// The fds whose turn it is.
    fn parcel(&self) -> Option<&Parcel> {
        self.parcels.front().filter(|parcel| parcel.at == self.written)
    }

    /// All that was taken has been written: takes what there is now; false when that is nothing.
    fn take(&mut self, outgoing: &Mutex<Outgoing>) -> bool {
        self.taken.clear();
        self.written = 0;
        if let Some((socket, way)) = &mut self.end {
            way.at_boundary(socket.as_fd(), &mut self.taken);
            if self.taken.is_empty() {
                let mut outgoing = outgoing.lock().unwrap_or_else(PoisonError::into_inner);
                let some = outgoing.take(&mut self.taken, &mut self.parcels);
                drop(outgoing);
                if some {
                    way.carries(self.taken.len());
                }
            }
        }
        !self.taken.is_empty()
    }

    /// Writes some of the bytes before the next fds, or those.
    fn write_once(&mut self) -> io::Result<usize> {
        if let Some(parcel) = self.parcel() {
            self.send(parcel)?;
            self.parcels.pop_front();
        }
        let Some((socket, way)) = &mut self.end else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let end = self.parcels.front().map_or(self.taken.len(), |parcel| parcel.at);
        let rest = &self.taken[self.written..end];
        match (way.ring(), &self.writable) {
            (Some(ring), _) => ring.write(rest),
            (None, Some(writable)) => writable.try_io(|| socket.write(rest)),
            (None, None) => socket.write(rest),
        }
    }

    fn send(&self, parcel: &Parcel) -> io::Result<()> {
        let Some((socket, _)) = &self.end else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        match &self.writable {
            Some(writable) => writable.try_io(|| parcel.send(socket.as_fd())),
            None => parcel.send(socket.as_fd()),
        }
    }

    /// Ready when more may be taken, after no more was.
    pub(super) fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some((socket, way)) = &mut self.end else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        match (self.blocked, way.ring()) {
            (Some(Blocked::Fds), _) => {
                ask_again(cx);
                return Poll::Pending;
            }
            (Some(Blocked::Bytes) | None, Some(ring)) => return ring.poll_room(cx),
            (Some(Blocked::Socket), _) | (_, None) => {}
        }
        let register = || socket.try_clone().and_then(|socket| Writable::new(socket.into()));
        match self.writable.take().map_or_else(register, Ok) {
            Ok(writable) => self.writable.insert(writable).poll_ready(cx),
            Err(_) => {
                ask_again(cx);
                Poll::Pending
            }
        }
    }

    #[cfg(test)]
    pub(super) fn way(&self) -> &'static str {
        self.end.as_ref().map_or("closed", |(_, way)| way.state())
    }

    /// The other side answered the offer of a ring; false when there was none.
    pub(super) fn ring_taken(&mut self, taken: bool) -> bool {
        self.end.as_mut().is_none_or(|(_, way)| way.answered(taken))
    }

    /// There is nothing to write. Ready when there is after all, because of a ring that nobody
    /// uses.
    pub(super) fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.end {
            Some((_, way)) => way.poll_leave(cx, &mut self.taken),
            None => Poll::Pending,
        }
    }

    fn ring(&mut self) -> Option<&mut Outbound> {
        self.end.as_mut()?.1.ring()
    }

    /// There is nothing to write: keeps what the next message needs.
    pub(super) fn rest(&mut self) {
        self.writable = None;
        if self.taken.capacity() > KEEP {
            self.taken = Vec::new();
        }
    }

    /// Writes nothing any more, and lets the other side know.
    pub(super) fn close(&mut self) {
        if let Some((socket, _)) = &self.end {
            // What reads goes on until the other side is gone, and keeps the socket open.
            let _ = socket.shutdown(Shutdown::Write);
        }
        *self = Wire::default();
    }
}

/// Where nothing tells, a link is slow for a while; that is better than none.
fn ask_again(cx: &Context<'_>) {
    let waker = cx.waker().clone();
    tokio::spawn(async move {
        tokio::time::sleep(ASK_AGAIN).await;
        waker.wake();
    });
}

#[cfg(test)]
mod tests;
