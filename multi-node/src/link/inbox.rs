//! The receiving half of one channel: frames as they came, until a handler decodes them, and the
//! account of what may still come.
//!
//! Frames are kept as bytes, so that what waits here is never more than the window, and nothing
//! of the user's runs where the link is read. This module does no I/O and wakes nobody: it says
//! who is to be woken and what is to be credited.

use std::collections::VecDeque;
use std::mem;
use std::task::{Context, Poll, Waker};

use super::error::CloseReason;
use super::frame::{self, HEADER};

/// A small batch grows up to this before another is begun, in bytes.
const BATCH: usize = 16 * 1024;

/// More came than the window allows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overrun;

/// What waits for one handler. See the module.
#[derive(Debug)]
pub(crate) struct Inbox {
    /// Whole frames, in order.
    batches: VecDeque<Vec<u8>>,
    /// An empty batch that was used before.
    spare: Vec<u8>,
    window: usize,
    /// Bytes received and not credited yet.
    outstanding: usize,
    /// Those of them that have been consumed.
    due: usize,
    /// The other side waits for credit.
    starved: bool,
    /// Nobody receives here any more.
    deaf: bool,
    /// No more will come.
    ended: Option<CloseReason>,
    waker: Option<Waker>,
}

impl Inbox {
    pub(crate) fn new(window: usize) -> Self {
        Inbox {
            batches: VecDeque::new(),
            spare: Vec::new(),
            window,
            outstanding: 0,
            due: 0,
            starved: false,
            deaf: false,
            ended: None,
            waker: None,
        }
    }

    /// Adds frames by copying them; the result is to be woken.
    ///
    /// # Errors
    /// When the other side was not allowed to send that much.
    pub(crate) fn copy(&mut self, frames: &[u8]) -> Result<Option<Waker>, Overrun> {
        self.charge(frames)?;
        if self.deaf {
            return Ok(None);
        }
        match self.batches.back_mut() {
            Some(last) if last.len() + frames.len() <= BATCH => last.extend_from_slice(frames),
            _ => {
                let mut batch = mem::take(&mut self.spare);
                batch.extend_from_slice(frames);
                self.batches.push_back(batch);
            }
        }
        Ok(self.waker.take())
    }

    /// Adds a buffer of nothing but frames as it is; as [`copy`](Inbox::copy).
    pub(crate) fn adopt(&mut self, frames: Vec<u8>) -> Result<Option<Waker>, Overrun> {
        self.charge(&frames)?;
        if self.deaf {
            return Ok(None);
        }
        self.batches.push_back(frames);
        Ok(self.waker.take())
    }

    fn charge(&mut self, frames: &[u8]) -> Result<(), Overrun> {
        let total = self.outstanding.saturating_add(frames.len());
        let alone = self.outstanding == 0 && HEADER + frame::payload(frames).len() == frames.len();
        if total > self.window && !alone && !self.deaf {
            return Err(Overrun);
        }
        self.outstanding = total;
        Ok(())
    }

    /// Takes the oldest batch in exchange for an empty one; `None` when no more will come.
    pub(crate) fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        batch: &mut Vec<u8>,
    ) -> Poll<Option<()>> {
        if let Some(next) = self.batches.pop_front() {
            let empty = mem::replace(batch, next);
            if self.spare.capacity() < empty.capacity() && empty.capacity() <= BATCH {
                self.spare = empty;
            }
            return Poll::Ready(Some(()));
        }
        if self.ended.is_some() {
            return Poll::Ready(None);
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Notes that a handler took messages of so many bytes; the result, when not 0, is to be
    /// credited.
    pub(crate) fn consume(&mut self, bytes: usize) -> usize {
        self.due = self.due.saturating_add(bytes);
        let caught_up = self.starved && self.due >= self.outstanding;
        if caught_up {
            self.starved = false;
        }
        if caught_up || self.due >= self.window / 4 { self.settle() } else { 0 }
    }

    /// Notes that the other side waits; as [`consume`](Inbox::consume).
    pub(crate) fn starve(&mut self) -> usize {
        self.starved = true;
        self.consume(0)
    }

    fn settle(&mut self) -> usize {
        let due = mem::take(&mut self.due);
        self.outstanding = self.outstanding.saturating_sub(due);
        due
    }

    /// Nobody receives here any more: what waits is let go, what comes is ignored. True the
    /// first time.
    pub(crate) fn deafen(&mut self) -> bool {
        self.batches = VecDeque::new();
        !mem::replace(&mut self.deaf, true)
    }

    /// No more will come; what is here can still be taken. The result is to be woken.
    pub(crate) fn end(&mut self, reason: CloseReason) -> Option<Waker> {
        self.ended.get_or_insert(reason);
        self.waker.take()
    }

    pub(crate) fn ended(&self) -> Option<CloseReason> {
        self.ended
    }
}
