//! The socket that this side of a link reads from: bytes, and the fds that came with them.
//!
//! While the other side uses a ring, nothing comes through the socket but the fds of the messages
//! in the ring, each before its message. What is behind them there was said after the ring had
//! been left, and is kept until the ring has been read.

use std::io;
use std::task::{Context, Poll, ready};

use super::fds::{ANNOUNCEMENT, Arrivals, Passed};
use super::frame::{self, Broken, Found, HEADER, Kind};
use super::hello::{self, Fds};
use super::inbound::Read;
use super::readable::Readable;
use crate::sys::packet::Taken;

/// See the module.
#[derive(Debug)]
pub(super) struct SocketIn {
    readable: Readable,
    /// Read, and to be seen after what comes through the ring.
    later: Vec<u8>,
    pub(super) arrivals: Arrivals,
}

/// What the socket says while a ring is used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Aside {
    /// The fds of a message that is in the ring, or will be.
    Fds,
    /// Something that comes after the ring.
    Later,
    /// The other side is gone.
    End,
}

impl SocketIn {
    pub(super) fn new(readable: Readable) -> Self {
        SocketIn { readable, later: Vec::new(), arrivals: Arrivals::default() }
    }

    /// Reads once, at most into the room that `buffer` has, or gives what was kept.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<Result<Read, Broken>> {
        if !self.later.is_empty() {
            let bytes = self.later.len();
            buffer.append(&mut self.later);
            return Poll::Ready(Ok(Read::Bytes(bytes)));
        }
        let read = ready!(self.readable.poll_receive(cx, buffer));
        Poll::Ready(self.took(read))
    }

    /// The ring comes first from now on; these bytes were read after that was said.
    pub(super) fn keep(&mut self, rest: &[u8]) {
        self.later.extend_from_slice(rest);
    }

    /// While a ring is used: ready when the socket says something.
    pub(super) fn poll_aside(&mut self, cx: &mut Context<'_>) -> Poll<Result<Aside, Broken>> {
        loop {
            if let Some(said) = self.aside()? {
                return Poll::Ready(Ok(said));
            }
            self.later.reserve_exact(ANNOUNCEMENT);
            let read = ready!(self.readable.poll_receive(cx, &mut self.later));
            if matches!(self.took(read)?, Read::End) {
                return Poll::Ready(Ok(Aside::End));
            }
        }
    }

    /// The fds of a message that was read from the ring: they were sent before it.
    ///
    /// # Errors
    /// When they were not.
    pub(super) fn fds_from_aside(&mut self) -> Result<Passed, Broken> {
        loop {
            if let Some(passed) = self.arrivals.of_a_message() {
                return Ok(passed);
            }
            match self.aside()? {
                Some(Aside::Fds) => continue,
                Some(Aside::Later | Aside::End) => return Err(Broken::Fds),
                None => self.later.reserve_exact(ANNOUNCEMENT),
            }
            let read = self.readable.receive_now(&mut self.later);
            if matches!(self.took(read)?, Read::End) {
                return Err(Broken::Fds);
            }
        }
    }

    /// What `later` begins with; `None` when there is not enough of it to say.
    fn aside(&mut self) -> Result<Option<Aside>, Broken> {
        let may_announce = frame::header((ANNOUNCEMENT - HEADER) as u32, 0, Kind::Fds);
        let header = self.later.len().min(HEADER);
        if self.later[..header] != may_announce[..header] {
            return Ok(Some(Aside::Later));
        }
        let found = frame::scan(&self.later, |_| None)?;
        let Found::Control { len, .. } = found else { return Ok(None) };
        self.arrivals.named(hello::read::<Fds>(Kind::Fds, &self.later[HEADER..len])?)?;
        self.later.drain(..len);
        Ok(Some(Aside::Fds))
    }

    fn took(&mut self, read: io::Result<Taken>) -> Result<Read, Broken> {
        // A reset is how the kernel says that the other side left unread bytes behind.
        let Ok((bytes @ 1.., fds)) = read else { return Ok(Read::End) };
        if let Some(fds) = fds {
            self.arrivals.came(fds)?;
        }
        Ok(Read::Bytes(bytes))
    }
}
