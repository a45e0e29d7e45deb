//! Fds that travel with messages: beside the bytes, since the kernel passes them with nothing but
//! the bytes of a socket.
//!
//! Each message's fds are kept apart all the way, so that fds for which this process had no room
//! are missing where they belong, and are not taken for another message's. What waits here is
//! closed when it is dropped. Counts and keeps; the socket is `wire`'s and `socket_in`'s.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::codec;
use super::error::FdsLost;
use super::frame::{self, Broken, HEADER, Kind, MAX_CONTROL};
use super::hello::Fds;
use crate::sys::packet;

/// The most fds that one message may have.
pub(crate) const MAX_FDS: usize = 16;

/// The most fds that may be under way on a channel: each takes this part of the window.
const WINDOW: usize = 64;

/// The most messages whose fds wait for a frame that is read after them. Who sends in order has
/// two at most.
const AHEAD: usize = 4;

/// Bytes of an `Fds` frame.
pub(super) const ANNOUNCEMENT: usize = HEADER + 2;

/// What so many fds take of a channel's window, in bytes.
#[inline]
pub(super) fn cost(count: usize, window: usize) -> usize {
    if count == 0 { 0 } else { count.saturating_mul((window / WINDOW).max(1)) }
}

/// The fds of one message, as they came.
#[derive(Debug)]
pub(crate) struct Passed {
    /// As many as were sent.
    pub(super) count: usize,
    /// Fewer, when some were lost.
    fds: Vec<OwnedFd>,
}

impl Passed {
    /// All of them.
    ///
    /// # Errors
    /// When some were lost; the others are closed.
    pub(crate) fn all(self) -> Result<Vec<OwnedFd>, FdsLost> {
        let sent = self.count;
        if self.fds.len() < sent { Err(FdsLost { sent }) } else { Ok(self.fds) }
    }
}

/// The fds of one message that goes out.
#[derive(Debug)]
pub(super) struct Parcel {
    /// Where the frame of the message begins in the bytes that they wait beside.
    pub(super) at: usize,
    fds: Vec<OwnedFd>,
}

impl Parcel {
    /// Of [`MAX_FDS`] at most.
    pub(super) fn new(at: usize, fds: Vec<OwnedFd>) -> Self {
        Parcel { at, fds }
    }

    /// Sends the fds, or word that the kernel refuses to pass these.
    ///
    /// # Errors
    /// As [`packet::send`], for what ends the link or passes.
    pub(super) fn send(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        let fds: Vec<BorrowedFd<'_>> = self.fds.iter().map(AsFd::as_fd).collect();
        match packet::send(socket, &self.announcement(true)?, &fds) {
            Err(error) if packet::is_refusal(&error) => {
                packet::send(socket, &self.announcement(false)?, &[])
            }
            sent => sent,
        }
    }

    fn announcement(&self, come: bool) -> io::Result<Vec<u8>> {
        let count = u8::try_from(self.fds.len()).map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(ANNOUNCEMENT);
        frame::append(&mut bytes, 0, Kind::Fds, |buffer| {
            codec::encode_into(buffer, &Fds { count, come }, MAX_CONTROL)
        })
        .map_err(io::Error::other)?;
        Ok(bytes)
    }
}

/// Fds that came, until the frame that they belong to is seen.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// As the kernel passed them.
    unnamed: VecDeque<Vec<OwnedFd>>,
    /// Those of messages that are still to be read.
    named: VecDeque<Passed>,
}

impl Arrivals {
    /// Fds came with what was just read.
    ///
    /// # Errors
    /// When more wait than anybody may send ahead.
    pub(super) fn came(&mut self, fds: Vec<OwnedFd>) -> Result<(), Broken> {
        self.unnamed.push_back(fds);
        if self.unnamed.len() > AHEAD { Err(Broken::Fds) } else { Ok(()) }
    }

    /// An `Fds` frame was read.
    ///
    /// # Errors
    /// When it says anything else than what came.
    pub(super) fn named(&mut self, Fds { count, come }: Fds) -> Result<(), Broken> {
        let (count, mut fds) = (usize::from(count), Vec::new());
        if come {
            fds = self.unnamed.pop_front().ok_or(Broken::Fds)?;
        }
        if count > MAX_FDS || fds.len() > count || self.named.len() == AHEAD {
            return Err(Broken::Fds);
        }
        self.named.push_back(Passed { count, fds });
        Ok(())
    }

    /// A frame other than a message was read, with whose fds these came.
    pub(super) fn of_a_frame(&mut self) -> Vec<OwnedFd> {
        self.unnamed.pop_front().unwrap_or_default()
    }

    /// The fds of the message that was just read, if they came.
    pub(super) fn of_a_message(&mut self) -> Option<Passed> {
        self.named.pop_front()
    }
}
