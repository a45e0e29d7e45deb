//! What waits for one handler: whole frames as they came, in order, and where how many are missing.
//!
//! It copies, counts and drops, by whole frames and never one that was taken. A message with fds
//! is kept by itself, and dropped with them. How much may wait, and what is dropped when, is
//! `inbox`'s to decide.

use std::collections::VecDeque;
use std::mem;
use std::ops::Deref;

use super::fds::{self, Passed};
use super::frame;

/// A small batch grows up to this before another is begun, in bytes.
const BATCH: usize = 16 * 1024;

/// Frames of one channel, as they came.
#[derive(Debug)]
pub(crate) enum Frames<'a> {
    /// In a buffer that holds other things too.
    Shared(&'a [u8]),
    /// In a buffer of their own.
    Whole(Vec<u8>),
    /// One, with its fds.
    WithFds(&'a [u8], Passed),
}

impl Frames<'_> {
    /// What they take of a window of so many bytes.
    pub(super) fn cost(&self, window: usize) -> usize {
        match self {
            Frames::Shared(_) | Frames::Whole(_) => self.len(),
            Frames::WithFds(_, passed) => self.len() + fds::cost(passed.count, window),
        }
    }
}

impl Deref for Frames<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Frames::Shared(frames) | Frames::WithFds(frames, _) => frames,
            Frames::Whole(frames) => frames,
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    items: VecDeque<Item>,
    /// So much of the first batch was dropped.
    begun: usize,
    /// What waits, in bytes of the window.
    cost: usize,
    /// An empty batch that was used before.
    spare: Vec<u8>,
}

#[derive(Debug)]
enum Item {
    /// Whole frames, one or more.
    Frames(Vec<u8>),
    /// One, with its fds.
    WithFds { frame: Vec<u8>, fds: Passed, cost: usize },
    /// So many messages would have been here.
    Missing(u64),
}

/// What a handler gets next.
#[derive(Debug)]
pub(crate) enum Taken {
    /// A batch, whose frames begin at `from`.
    Frames { from: usize },
    /// A batch of one frame, with its fds, which take so much of the window beside it.
    WithFds { fds: Passed, beside: usize },
    /// So many messages would have been here.
    Missing(u64),
}

impl Backlog {
    /// What waits, in bytes of the window.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    /// Adds frames, one or more, that take so much of the window.
    pub(super) fn push(&mut self, frames: Frames<'_>, cost: usize) {
        self.cost += cost;
        let batch = match (frames, self.items.back_mut()) {
            (Frames::Whole(frames), _) => frames,
            (Frames::WithFds(frame, fds), _) => {
                let frame = frame.to_vec();
                return self.items.push_back(Item::WithFds { frame, fds, cost });
            }
            (Frames::Shared(frames), Some(Item::Frames(last)))
                if last.len() + frames.len() <= BATCH =>
            {
                return last.extend_from_slice(frames);
            }
            (Frames::Shared(frames), _) => {
                let mut batch = mem::take(&mut self.spare);
                batch.extend_from_slice(frames);
                batch
            }
        };
        self.items.push_back(Item::Frames(batch));
    }

    /// Notes that so many messages are missing at the end.
    pub(super) fn miss(&mut self, messages: u64) {
        match self.items.back_mut() {
            Some(Item::Missing(missing)) => *missing += messages,
            Some(Item::Frames(_) | Item::WithFds { .. }) | None => {
                self.items.push_back(Item::Missing(messages))
            }
        }
    }

    /// Drops the oldest frames until no more than `most` bytes of the window wait.
    pub(super) fn shrink(&mut self, most: usize) {
        let mut missing = 0;
        while self.cost > most {
            match self.items.pop_front() {
                Some(Item::Frames(batch)) => missing += self.drop_first(batch, self.cost - most),
                Some(Item::WithFds { cost, .. }) => {
                    self.cost -= cost;
                    missing += 1;
                }
                Some(Item::Missing(messages)) => missing += messages,
                None => break,
            }
        }
        if missing > 0 {
            self.items.push_front(Item::Missing(missing));
        }
    }

    /// Drops so many bytes of the first batch and the rest of their frame, or all of it; returns
    /// how many frames that was.
    fn drop_first(&mut self, batch: Vec<u8>, bytes: usize) -> u64 {
        let (from, mut to, mut frames) = (self.begun, self.begun, 0);
        while to < batch.len() && to - from < bytes {
            to += frame::size(&batch[to..]);
            frames += 1;
        }
        self.cost -= to - from;
        if to < batch.len() {
            self.begun = to;
            self.items.push_front(Item::Frames(batch));
        } else {
            self.begun = 0;
            self.keep(batch);
        }
        frames
    }

    /// Takes the first batch in exchange for an empty one, or what is said in its place.
    pub(super) fn take(&mut self, batch: &mut Vec<u8>) -> Option<Taken> {
        match self.items.pop_front()? {
            Item::Missing(messages) => Some(Taken::Missing(messages)),
            Item::Frames(first) => {
                let from = mem::take(&mut self.begun);
                self.cost -= first.len() - from;
                let empty = mem::replace(batch, first);
                self.keep(empty);
                Some(Taken::Frames { from })
            }
            Item::WithFds { frame, fds, cost } => {
                self.cost -= cost;
                let beside = cost - frame.len();
                let empty = mem::replace(batch, frame);
                self.keep(empty);
                Some(Taken::WithFds { fds, beside })
            }
        }
    }

    fn keep(&mut self, mut batch: Vec<u8>) {
        if self.spare.capacity() < batch.capacity() && batch.capacity() <= BATCH {
            batch.clear();
            self.spare = batch;
        }
    }
}
