//! The receiving half of one channel: frames as they came, until a handler decodes them, the
//! account of what may still come, and what becomes of what there is no room for.
//!
//! Frames are kept as bytes, so that what waits here is never more than the window, and nothing
//! of the user's runs where the link is read. A channel that waits credits what its handler took;
//! any other credits what came, and drops or closes by itself. Either way at most a window, or one
//! message that is larger, waits here, and as much again is with the handler: the batch that it
//! took, of which nothing is dropped any more. This module does no I/O and wakes nobody: it says
//! who is to be woken and what is to be said.

use std::mem;
use std::task::{Context, Poll, Waker};

use super::backlog::{Backlog, Frames, Taken};
use super::error::CloseReason;
use super::frame;
use super::when_full::WhenFull;

/// More came than the window allows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overrun;

/// What is to be done now that frames came.
#[derive(Debug, Default)]
pub(crate) struct Arrival {
    /// To be woken.
    pub(crate) handler: Option<Waker>,
    /// Bytes to be credited, when not 0.
    pub(crate) credit: usize,
    /// The other side is to be told that nothing more is received.
    pub(crate) closes: bool,
}

/// What waits for one handler. See the module.
#[derive(Debug)]
pub(crate) struct Inbox {
    backlog: Backlog,
    window: usize,
    when_full: WhenFull,
    /// Something was dropped since the handler last took something, and all that comes is.
    dropping: bool,
    /// Bytes received and not credited yet.
    outstanding: usize,
    /// Those of them that are to be credited.
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
    pub(crate) fn new(window: usize, when_full: WhenFull) -> Self {
        Inbox {
            backlog: Backlog::default(),
            window,
            when_full,
            dropping: false,
            outstanding: 0,
            due: 0,
            starved: false,
            deaf: false,
            ended: None,
            waker: None,
        }
    }

    /// Takes frames in, or those of them that there is room for.
    ///
    /// # Errors
    /// When the other side was not allowed to send that much.
    pub(crate) fn receive(&mut self, frames: Frames<'_>) -> Result<Arrival, Overrun> {
        let cost = frames.cost(self.window);
        self.charge(&frames, cost)?;
        if self.deaf || self.ended.is_some() {
            return Ok(Arrival::default());
        }
        let credit = match self.when_full {
            WhenFull::Wait => 0,
            WhenFull::DropNewest | WhenFull::DropOldest | WhenFull::Close => self.settle(cost),
        };
        let kept = self.admit(&frames, cost);
        let missing = frame::sizes(&frames[kept..]).count() as u64;
        if missing == 0 {
            self.backlog.push(frames, cost);
        } else if kept > 0 {
            // Not in the buffer that they came in, most of which would be what was dropped.
            self.backlog.push(Frames::Shared(&frames[..kept]), kept);
        }
        let closes = missing > 0 && self.refuse(missing);
        Ok(Arrival { handler: self.waker.take(), credit, closes })
    }

    fn charge(&mut self, frames: &[u8], cost: usize) -> Result<(), Overrun> {
        let total = self.outstanding.saturating_add(cost);
        let alone = self.outstanding == 0 && frame::size(frames) == frames.len();
        if total > self.window && !alone && !self.deaf {
            return Err(Overrun);
        }
        self.outstanding = total;
        Ok(())
    }

    /// Makes room for frames where older ones are dropped for it; how many bytes of them are kept.
    fn admit(&mut self, frames: &Frames<'_>, cost: usize) -> usize {
        match self.when_full {
            WhenFull::Wait => frames.len(),
            WhenFull::DropOldest => {
                self.backlog.shrink(self.window.saturating_sub(cost));
                frames.len()
            }
            WhenFull::DropNewest | WhenFull::Close if self.dropping => 0,
            WhenFull::DropNewest | WhenFull::Close => self.fitting(frames, cost),
        }
    }

    /// How many bytes of frames there is room for, of whole ones. There is for any first one, since
    /// the window lets a larger one come only alone.
    fn fitting(&self, frames: &Frames<'_>, cost: usize) -> usize {
        let waiting = self.backlog.cost();
        if waiting == 0 || waiting + cost <= self.window {
            return frames.len();
        }
        if let Frames::WithFds(..) = frames {
            return 0;
        }
        let mut kept = 0;
        for size in frame::sizes(frames) {
            if waiting + kept + size > self.window {
                break;
            }
            kept += size;
        }
        kept
    }

    /// Notes that so many messages were not kept; true when that closes the channel.
    fn refuse(&mut self, messages: u64) -> bool {
        self.dropping = true;
        self.backlog.miss(messages);
        let closes = self.when_full == WhenFull::Close;
        if closes {
            self.ended = Some(CloseReason::Lagged);
        }
        closes
    }

    /// Takes what comes first, a batch in exchange for an empty one; `None` when no more will come.
    pub(crate) fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        batch: &mut Vec<u8>,
    ) -> Poll<Option<Taken>> {
        let taken = self.backlog.take(batch);
        if let Some(Taken::Frames { .. } | Taken::WithFds { .. }) = taken {
            self.dropping = false;
        }
        if taken.is_some() || self.ended.is_some() {
            return Poll::Ready(taken);
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Notes that a handler took messages of so many bytes; the result, when not 0, is to be
    /// credited.
    pub(crate) fn consume(&mut self, bytes: usize) -> usize {
        match self.when_full {
            WhenFull::Wait => self.settle(bytes),
            // It was when it came.
            WhenFull::DropNewest | WhenFull::DropOldest | WhenFull::Close => 0,
        }
    }

    /// Notes that the other side waits; as [`consume`](Inbox::consume).
    pub(crate) fn starve(&mut self) -> usize {
        self.starved = true;
        self.settle(0)
    }

    /// Adds to what is due, and says what is to be credited now.
    fn settle(&mut self, bytes: usize) -> usize {
        self.due = self.due.saturating_add(bytes);
        let caught_up = self.starved && self.due >= self.outstanding;
        if caught_up {
            self.starved = false;
        }
        if !caught_up && self.due < self.window / 4 {
            return 0;
        }
        let due = mem::take(&mut self.due);
        self.outstanding = self.outstanding.saturating_sub(due);
        due
    }

    /// Nobody receives here any more: what waits is let go, what comes is ignored. True when the
    /// other side does not know that yet.
    pub(crate) fn deafen(&mut self) -> bool {
        self.backlog = Backlog::default();
        !mem::replace(&mut self.deaf, true) && self.ended.is_none()
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

#[cfg(test)]
mod tests;
