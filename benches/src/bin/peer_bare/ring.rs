//! Two rings in shared memory, one each way, on which both sides spin.
//!
//! What it leaves out is what a library cannot: it trusts the other side, never sleeps, and does
//! not notice when the other side dies.

// The limit that the table compares with is reached by plain copies into shared memory, and Rust
// has no safe way to map any.
#![allow(unsafe_code)]

use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};

use multi_node_benches::{Head, RawLink, Spin};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap};
use nix::unistd::ftruncate;

use crate::text;

/// The bytes that one ring holds; a power of two.
const SIZE: usize = 256 * 1024;
/// Before the bytes: the two positions, each with cache lines of its own.
const HEAD: usize = 4096;
const APART: usize = 128;
/// What is copied before the other side is told, so that both copy at the same time.
const PUBLISH: u64 = 32 * 1024;

/// Both ways, as one side sees them.
pub(crate) struct Ring {
    out: Writer,
    incoming: Reader,
    message: Vec<u8>,
}

/// One way. It lives as long as the process.
#[derive(Clone, Copy)]
struct Way(NonNull<u8>);

struct Writer {
    way: Way,
    tail: u64,
    published: u64,
    /// The reader's position when it was last looked at.
    head: u64,
}

struct Reader {
    way: Way,
    head: u64,
    published: u64,
    /// The writer's position when it was last looked at.
    tail: u64,
}

impl Ring {
    /// For messages of `size` bytes; our end, and that of the process that follows.
    pub(crate) fn create(size: usize) -> Result<(Self, OwnedFd), String> {
        let memory = memfd_create(c"bare ring", MFdFlags::MFD_CLOEXEC).map_err(text)?;
        ftruncate(&memory, i64::try_from(2 * (HEAD + SIZE)).map_err(text)?).map_err(text)?;
        let [first, second] = Way::map(&memory)?;
        Ok((Self::over(first, second, size), memory))
    }

    /// The end of the process that follows.
    pub(crate) fn open(memory: &OwnedFd, size: usize) -> Result<Self, String> {
        let [first, second] = Way::map(memory)?;
        Ok(Self::over(second, first, size))
    }

    fn over(out: Way, incoming: Way, size: usize) -> Self {
        Self {
            out: Writer { way: out, tail: 0, published: 0, head: 0 },
            incoming: Reader { way: incoming, head: 0, published: 0, tail: 0 },
            message: vec![0; size],
        }
    }
}

impl RawLink for Ring {
    fn send(&mut self, message: &[u8]) -> Result<(), String> {
        self.out.write(message);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), String> {
        self.out.publish();
        Ok(())
    }

    fn recv(&mut self) -> Result<Head, String> {
        self.incoming.read(&mut self.message);
        Ok(Head::of(&self.message))
    }
}

impl Way {
    fn map(memory: &OwnedFd) -> Result<[Self; 2], String> {
        let bytes = NonZeroUsize::new(2 * (HEAD + SIZE)).expect("not zero");
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a fresh mapping at an address of the kernel's choosing touches nothing that
        // exists.
        let start = unsafe { mmap(None, bytes, access, MapFlags::MAP_SHARED, memory, 0) };
        let start = start.map_err(text)?.cast::<u8>();
        // SAFETY: the second way lies within the mapping, which has room for two.
        Ok([Self(start), Self(unsafe { start.add(HEAD + SIZE) })])
    }

    /// Up to where the bytes are that were written.
    fn tail(&self) -> &AtomicU64 {
        // SAFETY: within the mapping, which is never unmapped, on the boundary of a page, and
        // accessed as an atomic alone.
        unsafe { self.0.cast::<AtomicU64>().as_ref() }
    }

    /// Up to where the bytes are that were read.
    fn head(&self) -> &AtomicU64 {
        // SAFETY: as in `tail`; APART keeps the alignment.
        unsafe { self.0.add(APART).cast::<AtomicU64>().as_ref() }
    }

    /// The place of a position, and how many bytes follow up to the end of the ring.
    fn place(self, at: u64) -> (NonNull<u8>, usize) {
        let offset = usize::try_from(at).expect("64 bits") % SIZE;
        // SAFETY: `offset` is below SIZE, and the mapping goes on for SIZE bytes after HEAD.
        (unsafe { self.0.add(HEAD + offset) }, SIZE - offset)
    }
}

impl Writer {
    fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let free = self.room();
            let (place, to_end) = self.way.place(self.tail);
            let count = bytes.len().min(free).min(to_end).min(PUBLISH as usize);
            // SAFETY: `count` bytes lie free in the ring from `place` on, which the reader does
            // not touch before they are published.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), place.as_ptr(), count) };
            self.tail += count as u64;
            bytes = &bytes[count..];
            if self.tail - self.published >= PUBLISH {
                self.publish();
            }
        }
    }

    /// Waits until there is some.
    fn room(&mut self) -> usize {
        let mut spin = Spin::default();
        loop {
            let free = SIZE - (self.tail - self.head) as usize;
            if free > 0 {
                return free;
            }
            self.publish();
            self.head = self.way.head().load(Acquire);
            spin.again();
        }
    }

    fn publish(&mut self) {
        if self.published < self.tail {
            self.published = self.tail;
            self.way.tail().store(self.tail, Release);
        }
    }
}

impl Reader {
    fn read(&mut self, mut into: &mut [u8]) {
        while !into.is_empty() {
            let there = self.some();
            let (place, to_end) = self.way.place(self.head);
            let count = into.len().min(there).min(to_end);
            // SAFETY: `count` bytes were published from `place` on, which the writer does not
            // touch before it is told that they were read.
            unsafe { ptr::copy_nonoverlapping(place.as_ptr(), into.as_mut_ptr(), count) };
            self.head += count as u64;
            into = &mut into[count..];
            if self.head - self.published >= PUBLISH {
                self.publish();
            }
        }
    }

    /// Waits until there is something.
    fn some(&mut self) -> usize {
        let mut spin = Spin::default();
        loop {
            let there = (self.tail - self.head) as usize;
            if there > 0 {
                return there;
            }
            self.publish();
            self.tail = self.way.tail().load(Acquire);
            spin.again();
        }
    }

    fn publish(&mut self) {
        if self.published < self.head {
            self.published = self.head;
            self.way.head().store(self.head, Release);
        }
    }
}
