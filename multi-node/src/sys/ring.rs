//! The memory of a ring: four words and some bytes, shared with one other process.
//!
//! It knows where they lie and how to get at them without undefined behaviour, whatever the other
//! process does meanwhile: words are atomics, bytes are copied in and out and never borrowed. What
//! the words mean is for `link::ring`.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::AtomicU64;

use super::mapping::Mapping;

#[cfg(test)]
mod tests;

/// How many words there are.
pub(crate) const WORDS: usize = 4;

/// Bytes before the first of the ring's: a page, in which each word has cache lines of its own.
const HEAD: usize = 4096;

/// Bytes from one word to the next: two cache lines, since processors fetch them in pairs.
const APART: usize = 128;

/// The memory of one ring, mapped.
#[derive(Debug)]
pub(crate) struct RingMemory {
    mapping: Mapping,
    /// The ring's bytes; a power of two.
    size: usize,
}

impl RingMemory {
    /// Makes the memory of a ring of `size` bytes, a power of two, and the memfd to be passed on.
    ///
    /// # Errors
    /// When the kernel has no memory or no fd left, or allows no memfd.
    pub(crate) fn create(size: usize) -> io::Result<(RingMemory, OwnedFd)> {
        let (mapping, fd) = Mapping::create(c"multi-node ring", total(size)?)?;
        Ok((RingMemory { mapping, size }, fd))
    }

    /// Maps the memory of a ring that another process made.
    ///
    /// # Errors
    /// `InvalidInput` when no ring has that size; `InvalidData` when it is not what it is said to
    /// be.
    pub(crate) fn open(fd: impl AsFd, size: usize) -> io::Result<RingMemory> {
        Ok(RingMemory { mapping: Mapping::open(fd, total(size)?)?, size })
    }

    /// The ring's bytes.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// One of the words.
    ///
    /// # Panics
    /// From [`WORDS`] on.
    pub(crate) fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < WORDS);
        let start = self.mapping.start().cast::<u8>();
        // SAFETY: the words lie within HEAD, aligned, in a mapping that lives as long as `self`.
        // Both processes use them as atomics alone, and every bit pattern is a valid u64.
        unsafe { start.add(index * APART).cast::<AtomicU64>().as_ref() }
    }

    /// Copies bytes into the ring from `at` on, around its end.
    ///
    /// # Panics
    /// When there are more of them than the ring has.
    pub(crate) fn put(&self, at: u64, bytes: &[u8]) {
        assert!(bytes.len() <= self.size);
        let (start, first) = self.split(at, bytes.len());
        let (bytes, around) = bytes.split_at(first);
        let base = self.base();
        // SAFETY: `start + first` and the rest, from the beginning on, are within the `size` bytes
        // of the ring. What is copied is this process's own and does not overlap it. The other
        // process may read these bytes meanwhile, if it breaks the rules; it then reads rubbish.
        unsafe {
            base.add(start).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            base.copy_from_nonoverlapping(around.as_ptr(), around.len());
        }
    }

    /// Appends `count` of the ring's bytes from `at` on, around its end, to `into`.
    ///
    /// # Panics
    /// When that is more than the ring has.
    pub(crate) fn take(&self, at: u64, count: usize, into: &mut Vec<u8>) {
        assert!(count <= self.size);
        into.reserve(count);
        let (start, first) = self.split(at, count);
        let base = self.base();
        // SAFETY: as in `put`; `into` has room for `count` bytes, which are all written before its
        // length says so. The other process may write these bytes meanwhile, if it breaks the
        // rules; what is copied then is rubbish, and checked as such by whoever reads the copy.
        unsafe {
            let end = into.as_mut_ptr().add(into.len());
            end.copy_from_nonoverlapping(base.add(start), first);
            end.add(first).copy_from_nonoverlapping(base, count - first);
            into.set_len(into.len() + count);
        }
    }

    /// Where `count` bytes from `at` on begin, and how many of them lie before the ring's end.
    fn split(&self, at: u64, count: usize) -> (usize, usize) {
        let start = (at & (self.size as u64 - 1)) as usize;
        (start, count.min(self.size - start))
    }

    fn base(&self) -> *mut u8 {
        // SAFETY: the mapping has HEAD bytes and then the ring's.
        unsafe { self.mapping.start().cast::<u8>().add(HEAD).as_ptr() }
    }
}

/// The bytes of the memory of a ring of `size`.
fn total(size: usize) -> io::Result<NonZeroUsize> {
    let total = size.is_power_of_two().then(|| size.checked_add(HEAD)).flatten();
    total.and_then(NonZeroUsize::new).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "a ring's size is a power of two")
    })
}
