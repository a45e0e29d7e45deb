//! What writes: into the socket of a link, or into its ring, and how little of epoll that needs.
//!
//! The socket is registered for reading only. On a socket registered for writing too, the kernel
//! wakes the sender each time the other side reads, a wake-up a message for nothing. So writing is
//! tried, and a second fd is registered only from when the kernel takes no more until the backlog
//! is gone.

use std::io::{self, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;

use super::outbound::Outbound;
use super::outgoing::Outgoing;
use super::pool::Pool;
use super::readable::Readable;
use super::way::Way;
use super::writable::Writable;

/// Written in one go before others run, in bytes.
const TURN: usize = 256 * 1024;

/// A buffer larger than this is let go when the link falls idle, in bytes.
const KEEP: usize = 256 * 1024;

/// When there is no fd to be told by that the kernel takes more, it is asked this often.
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

/// What writes, and what was taken to be written. Locked before [`Outgoing`], never after.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// `None` when nothing is written any more.
    end: Option<(UnixStream, Way)>,
    /// There while there is a backlog.
    writable: Option<Writable>,
    /// The kernel took no more when it was last asked.
    blocked: bool,
    taken: Vec<u8>,
    written: usize,
}

impl Wire {
    /// Whether the kernel is known to take nothing now.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
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
            self.blocked =
                matches!(&wrote, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
            match wrote {
                Ok(bytes) => {
                    self.written += bytes;
                    turn += bytes;
                }
                Err(_) if self.blocked => return Ok(Written::Blocked),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Written::Turn)
    }

    /// All that was taken has been written: takes what there is now; false when that is nothing.
    fn take(&mut self, outgoing: &Mutex<Outgoing>) -> bool {
        self.taken.clear();
        self.written = 0;
        if let Some((socket, way)) = &mut self.end {
            way.at_boundary(socket.as_fd(), &mut self.taken);
            if self.taken.is_empty() {
                let mut outgoing = outgoing.lock().unwrap_or_else(PoisonError::into_inner);
                let some = outgoing.take(&mut self.taken);
                drop(outgoing);
                if some {
                    way.carries(self.taken.len());
                }
            }
        }
        !self.taken.is_empty()
    }

    fn write_once(&mut self) -> io::Result<usize> {
        let Some((socket, way)) = &mut self.end else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let rest = &self.taken[self.written..];
        match (way.ring(), &self.writable) {
            (Some(ring), _) => ring.write(rest),
            (None, Some(writable)) => writable.try_io(|| socket.write(rest)),
            (None, None) => socket.write(rest),
        }
    }

    /// Ready when more may be taken, after no more was.
    pub(super) fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some((socket, way)) = &mut self.end else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        if let Some(ring) = way.ring() {
            return ring.poll_room(cx);
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

/// Without an fd to spare a link is slow for a while; that is better than none.
fn ask_again(cx: &Context<'_>) {
    let waker = cx.waker().clone();
    tokio::spawn(async move {
        tokio::time::sleep(ASK_AGAIN).await;
        waker.wake();
    });
}

#[cfg(test)]
mod tests;
