//! A ring: bytes from one node to one other through memory that both have mapped.
//!
//! One side writes, the other reads. Each keeps its own position to itself and publishes it: the
//! writer `Tail`, after the bytes before it are there; the reader `Head`, after it has copied what
//! lies before it. Positions only grow; a byte's place is its position modulo the ring's size.
//! Nothing that the other side published is trusted: a position that cannot be is [`Rubbish`].
//!
//! Who finds nothing to do may sleep, and is then rung for. It says so (`Asleep` the reader,
//! `Blocked` the writer), and looks again before it does sleep; the other side publishes, and
//! looks then whether somebody sleeps. Between the two steps of each lies a sequentially
//! consistent fence, so at least one of them sees what the other did: nobody sleeps on while there
//! is something to do. Which bell that is, and when, is for the callers; no I/O is done here.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::fence;

use thiserror::Error;

use crate::sys::ring::RingMemory;

/// What the two sides tell each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// The reader's position.
    Head,
    /// The writer's position.
    Tail,
    /// 1 when the reader is to be rung for once there is something to read.
    Asleep,
    /// 1 when the writer is to be rung for once there is room.
    Blocked,
}

/// Memory that two sides share; of the operations, each with the ordering in its name.
pub(super) trait Memory {
    /// The bytes between two positions with the same place: a power of two.
    fn size(&self) -> usize;
    fn load_acquire(&self, word: Word) -> u64;
    fn load_relaxed(&self, word: Word) -> u64;
    fn store_release(&self, word: Word, value: u64);
    fn store_relaxed(&self, word: Word, value: u64);
    fn fence_seq_cst(&self);
    /// Copies bytes in at a position.
    fn put(&self, at: u64, bytes: &[u8]);
    /// Appends so many bytes from a position on to `into`.
    fn take(&self, at: u64, count: usize, into: &mut Vec<u8>);
}

/// The other side published what cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a position in its ring that cannot be")]
pub(crate) struct Rubbish;

/// The side that writes.
#[derive(Debug)]
pub(super) struct Producer<M = RingMemory> {
    memory: M,
    tail: u64,
    /// The reader's position when it was last looked at.
    head: u64,
}

impl<M: Memory> Producer<M> {
    /// Over fresh memory.
    pub(super) fn new(memory: M) -> Self {
        Producer { memory, tail: 0, head: 0 }
    }

    /// Writes as many of the bytes as there is room for, and says how many that is.
    ///
    /// # Errors
    /// When the reader published what cannot be.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, Rubbish> {
        if self.room() < bytes.len() {
            self.look()?;
        }
        let count = bytes.len().min(self.room());
        if count > 0 {
            self.memory.put(self.tail, &bytes[..count]);
            self.tail += count as u64;
            self.memory.store_release(Word::Tail, self.tail);
        }
        Ok(count)
    }

    /// After some writes: whether the reader sleeps and is to be rung for, which it is once.
    pub(super) fn should_ring(&self) -> bool {
        self.memory.fence_seq_cst();
        claim(&self.memory, Word::Asleep)
    }

    /// Says that it waits for room; false, and it does not, when there is some after all.
    ///
    /// # Errors
    /// As [`Producer::write`].
    pub(super) fn block(&mut self) -> Result<bool, Rubbish> {
        self.memory.store_relaxed(Word::Blocked, 1);
        self.memory.fence_seq_cst();
        self.look()?;
        let blocked = self.room() == 0;
        if !blocked {
            self.memory.store_relaxed(Word::Blocked, 0);
        }
        Ok(blocked)
    }

    fn room(&self) -> usize {
        self.memory.size() - (self.tail - self.head) as usize
    }

    fn look(&mut self) -> Result<(), Rubbish> {
        let head = self.memory.load_acquire(Word::Head);
        if head < self.head || head > self.tail {
            return Err(Rubbish);
        }
        self.head = head;
        Ok(())
    }
}

/// The side that reads.
#[derive(Debug)]
pub(super) struct Consumer<M = RingMemory> {
    memory: M,
    head: u64,
    /// The writer's position when it was last looked at.
    tail: u64,
}

impl<M: Memory> Consumer<M> {
    /// Over memory that a writer may have begun to use.
    pub(super) fn new(memory: M) -> Self {
        Consumer { memory, head: 0, tail: 0 }
    }

    /// Appends what there is to read, `most` bytes at most, to `into`; 0 when there is nothing.
    ///
    /// # Errors
    /// When the writer published what cannot be.
    pub(super) fn read(&mut self, into: &mut Vec<u8>, most: usize) -> Result<usize, Rubbish> {
        if self.ready() < most {
            self.look()?;
        }
        let count = self.ready().min(most);
        if count > 0 {
            self.memory.take(self.head, count, into);
            self.head += count as u64;
            self.memory.store_release(Word::Head, self.head);
        }
        Ok(count)
    }

    /// After a read: whether the writer waits and is to be rung for, which it is once, when there
    /// is room for a good part of what it has to say.
    pub(super) fn should_ring(&self) -> bool {
        if self.ready() > self.memory.size() / 2 {
            return false;
        }
        self.memory.fence_seq_cst();
        claim(&self.memory, Word::Blocked)
    }

    /// Whether there is something to read.
    ///
    /// # Errors
    /// As [`Consumer::read`].
    pub(super) fn has_more(&mut self) -> Result<bool, Rubbish> {
        self.look()?;
        Ok(self.ready() > 0)
    }

    /// Says that it sleeps; false, and it does not, when there is something to read after all.
    ///
    /// # Errors
    /// As [`Consumer::read`].
    pub(super) fn sleep(&mut self) -> Result<bool, Rubbish> {
        self.memory.store_relaxed(Word::Asleep, 1);
        self.memory.fence_seq_cst();
        let asleep = !self.has_more()?;
        if !asleep {
            self.memory.store_relaxed(Word::Asleep, 0);
        }
        Ok(asleep)
    }

    fn ready(&self) -> usize {
        (self.tail - self.head) as usize
    }

    fn look(&mut self) -> Result<(), Rubbish> {
        let tail = self.memory.load_acquire(Word::Tail);
        if tail < self.tail || tail - self.head > self.memory.size() as u64 {
            return Err(Rubbish);
        }
        self.tail = tail;
        Ok(())
    }
}

/// Whether the other side sleeps; it is then as good as awake, so that it is rung for once.
///
/// Two statements will do where a swap would cost more: only the sleeper sets the word, and it is
/// rung for once more at worst.
fn claim(memory: &impl Memory, word: Word) -> bool {
    let sleeps = memory.load_relaxed(word) != 0;
    if sleeps {
        memory.store_relaxed(word, 0);
    }
    sleeps
}

impl Memory for RingMemory {
    fn size(&self) -> usize {
        self.size()
    }

    fn load_acquire(&self, word: Word) -> u64 {
        self.word(word as usize).load(Acquire)
    }

    fn load_relaxed(&self, word: Word) -> u64 {
        self.word(word as usize).load(Relaxed)
    }

    fn store_release(&self, word: Word, value: u64) {
        self.word(word as usize).store(value, Release);
    }

    fn store_relaxed(&self, word: Word, value: u64) {
        self.word(word as usize).store(value, Relaxed);
    }

    fn fence_seq_cst(&self) {
        fence(SeqCst);
    }

    fn put(&self, at: u64, bytes: &[u8]) {
        self.put(at, bytes);
    }

    fn take(&self, at: u64, count: usize, into: &mut Vec<u8>) {
        self.take(at, count, into);
    }
}

#[cfg(test)]
mod tests;
