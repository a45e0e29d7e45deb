//! What waits for one handler: whole frames as they came, in order, and where how many are missing.
//!
//! It copies, counts and drops, by whole frames and never one that was taken. How much may wait,
//! and what is dropped when, is `inbox`'s to decide.

use std::collections::VecDeque;
use std::mem;
use std::ops::Deref;

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
}

impl Deref for Frames<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Frames::Shared(frames) => frames,
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
    /// What waits, in bytes of frames.
    bytes: usize,
    /// An empty batch that was used before.
    spare: Vec<u8>,
}

#[derive(Debug)]
enum Item {
    /// Whole frames, one or more.
    Frames(Vec<u8>),
    /// So many messages would have been here.
    Missing(u64),
}

/// What a handler gets next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// A batch, whose frames begin at `from`.
    Frames { from: usize },
    /// So many messages would have been here.
    Missing(u64),
}

impl Backlog {
    /// Bytes of frames that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds frames, one or more.
    pub(super) fn push(&mut self, frames: Frames<'_>) {
        self.bytes += frames.len();
        let batch = match (frames, self.items.back_mut()) {
            (Frames::Whole(frames), _) => frames,
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
            Some(Item::Frames(_)) | None => self.items.push_back(Item::Missing(messages)),
        }
    }

    /// Drops the oldest frames until no more than `most` bytes wait.
    pub(super) fn shrink(&mut self, most: usize) {
        let mut missing = 0;
        while self.bytes > most {
            match self.items.pop_front() {
                Some(Item::Frames(batch)) => missing += self.drop_first(batch, self.bytes - most),
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
        self.bytes -= to - from;
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
                self.bytes -= first.len() - from;
                let empty = mem::replace(batch, first);
                self.keep(empty);
                Some(Taken::Frames { from })
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
