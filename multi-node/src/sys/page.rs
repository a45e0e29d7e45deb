//! The load page: shared memory in which every node sees how busy the others are.
//!
//! A sealed memfd of relaxed atomics. It holds, for every slot, which seat serves it now, and for
//! every seat (one a process) its load, a progress counter, its marks and which thread accepts. It
//! decides nothing, and it trusts nothing it reads: whatever a process with a bug wrote here, no
//! index leaves its bounds and no number is more than a wrong hint.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::mapping::Mapping;
use crate::config::{MAX_NODES, Slot};

#[cfg(test)]
mod tests;

/// Seats in a page: processes that may exist at once, those that drain included.
pub(crate) const SEATS: u16 = 2048;

/// A process's entry in the page.
pub(crate) type Seat = u16;

/// One connection counted on a seat, while it is open or on its way to that seat's process.
///
/// It names the life of the seat too, so that giving it back after the seat went to another
/// process is a no-op.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    seat: Seat,
    life: u32,
}

/// What a seat says about itself, or what others found out about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Mark {
    /// It takes nothing from its queue: it is stopped, hung, or out of fds.
    Stuck = 1,
    /// It accepts nothing new and leaves.
    Draining = 2,
    /// Its user accepts from the bare listener, so what is passed to it would wait for ever.
    Apart = 4,
}

/// The marks of one seat, as they were when they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks(u32);

impl Marks {
    pub(crate) fn has(self, mark: Mark) -> bool {
        self.0 & mark as u32 != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The load page, mapped. Clones share the mapping.
#[derive(Debug, Clone)]
pub(crate) struct Page(Arc<Shared>);

/// The mapped memory and the memfd behind it.
#[derive(Debug)]
struct Shared {
    fd: OwnedFd,
    mapping: Mapping,
}

impl Page {
    /// Makes a page in which no slot has an owner.
    ///
    /// # Errors
    /// When the kernel has no memory or no fd left.
    pub(crate) fn create() -> io::Result<Page> {
        let (mapping, fd) = Mapping::create(c"multi-node load", BYTES)?;
        let page = Page(Arc::new(Shared { fd, mapping }));
        page.0.words()[LAYOUT_WORD].store(LAYOUT, Relaxed);
        Ok(page)
    }

    /// Maps a page that another process made.
    ///
    /// # Errors
    /// `InvalidData` when it could be cut short under us, is too small, or is laid out otherwise.
    pub(crate) fn map(fd: OwnedFd) -> io::Result<Page> {
        let mapping = Mapping::open(&fd, BYTES)?;
        let page = Page(Arc::new(Shared { fd, mapping }));
        if page.0.words()[LAYOUT_WORD].load(Relaxed) != LAYOUT {
            let what = "a load page is laid out for another version of multi-node";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(page)
    }

    /// The memfd, to be passed on.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.0.fd.as_fd()
    }

    /// Clears a seat for a new process and ends all claims on it. The master's, before it spawns.
    pub(crate) fn reset(&self, seat: Seat) {
        let words = self.seat_words(seat);
        words[LIFE].fetch_add(1, Relaxed);
        words[LOAD].store(0, Relaxed);
        words[PROGRESS].store(0, Relaxed);
        words[MARKS].store(0, Relaxed);
        words[THREAD].store(0, Relaxed);
    }

    /// Makes `seat` the one that serves `slot`. The master's, when the node is ready.
    pub(crate) fn seat(&self, slot: Slot, seat: Seat) {
        self.owner_word(slot).store(u32::from(seat) + 1, Relaxed);
    }

    /// Leaves `slot` without an owner if `seat` still is, and says whether it was. The master's,
    /// when the node died.
    pub(crate) fn vacate(&self, slot: Slot, seat: Seat) -> bool {
        let owned = u32::from(seat) + 1;
        self.owner_word(slot).compare_exchange(owned, 0, Relaxed, Relaxed).is_ok()
    }

    /// The seat that serves `slot`; `None` when no live node does.
    pub(crate) fn owner(&self, slot: Slot) -> Option<Seat> {
        let seat = self.owner_word(slot).load(Relaxed).checked_sub(1)?;
        Seat::try_from(seat).ok().filter(|seat| *seat < SEATS)
    }

    /// Connections open at a seat or on their way to it.
    pub(crate) fn load(&self, seat: Seat) -> u32 {
        clamp(self.seat_words(seat)[LOAD].load(Relaxed))
    }

    /// Counts one more connection on a seat, if its load still is what the caller `saw`.
    ///
    /// The comparison is what keeps a burst even: of two nodes that both saw the same emptiest
    /// seat, the second looks again.
    pub(crate) fn claim(&self, seat: Seat, saw: u32) -> Option<Claim> {
        let words = self.seat_words(seat);
        let life = words[LIFE].load(Relaxed);
        let now = words[LOAD].load(Relaxed);
        if clamp(now) != saw {
            return None;
        }
        words[LOAD].compare_exchange(now, saw.wrapping_add(1), Relaxed, Relaxed).ok()?;
        Some(Claim { seat, life })
    }

    /// Counts one more connection on a seat, whatever its load.
    pub(crate) fn claim_any(&self, seat: Seat) -> Claim {
        let words = self.seat_words(seat);
        words[LOAD].fetch_add(1, Relaxed);
        Claim { seat, life: words[LIFE].load(Relaxed) }
    }

    /// Whether a claim counts on this seat, in its present life.
    pub(crate) fn holds(&self, seat: Seat, claim: Claim) -> bool {
        claim.seat == seat && self.seat_words(seat)[LIFE].load(Relaxed) == claim.life
    }

    /// Takes a connection off the seat it was counted on.
    pub(crate) fn release(&self, claim: Claim) {
        let words = self.seat_words(claim.seat);
        if words[LIFE].load(Relaxed) == claim.life {
            words[LOAD].fetch_sub(1, Relaxed);
        }
    }

    /// Takes `excess` off a seat's load, if that still is what the caller `saw`.
    pub(crate) fn correct(&self, seat: Seat, saw: u32, excess: u32) {
        let corrected = saw.saturating_sub(excess);
        // Failing means that a connection came or went: the excess will be seen again.
        let _ = self.seat_words(seat)[LOAD].compare_exchange(saw, corrected, Relaxed, Relaxed);
    }

    /// Says that a seat's process has just looked for connections.
    pub(crate) fn advance(&self, seat: Seat) {
        self.seat_words(seat)[PROGRESS].fetch_add(1, Relaxed);
    }

    /// A number that changes whenever the seat's process looks for connections.
    pub(crate) fn progress(&self, seat: Seat) -> u32 {
        self.seat_words(seat)[PROGRESS].load(Relaxed)
    }

    /// Says which thread of the seat's process accepts.
    pub(crate) fn set_thread(&self, seat: Seat, thread: u32) {
        self.seat_words(seat)[THREAD].store(thread, Relaxed);
    }

    /// The thread that accepts in the seat's process; `None` before it does.
    pub(crate) fn thread(&self, seat: Seat) -> Option<u32> {
        let thread = self.seat_words(seat)[THREAD].load(Relaxed);
        (thread != 0).then_some(thread)
    }

    pub(crate) fn mark(&self, seat: Seat, mark: Mark) {
        self.seat_words(seat)[MARKS].fetch_or(mark as u32, Relaxed);
    }

    pub(crate) fn unmark(&self, seat: Seat, mark: Mark) {
        self.seat_words(seat)[MARKS].fetch_and(!(mark as u32), Relaxed);
    }

    pub(crate) fn marks(&self, seat: Seat) -> Marks {
        Marks(self.seat_words(seat)[MARKS].load(Relaxed))
    }

    fn owner_word(&self, slot: Slot) -> &AtomicU32 {
        &self.0.words()[OWNERS + usize::from(slot) % SLOTS]
    }

    fn seat_words(&self, seat: Seat) -> &[AtomicU32] {
        let start = SEAT_WORDS + usize::from(seat % SEATS) * LINE;
        &self.0.words()[start..start + LINE]
    }
}

impl Claim {
    /// Bytes of a claim that travels with its connection.
    pub(crate) const BYTES: usize = 6;

    pub(crate) fn to_bytes(self) -> [u8; Claim::BYTES] {
        let ([a, b], [c, d, e, f]) = (self.seat.to_le_bytes(), self.life.to_le_bytes());
        [a, b, c, d, e, f]
    }

    pub(crate) fn from_bytes([a, b, c, d, e, f]: [u8; Claim::BYTES]) -> Claim {
        let (seat, life) = (u16::from_le_bytes([a, b]), u32::from_le_bytes([c, d, e, f]));
        Claim { seat, life }
    }
}

/// A count that fell below zero, by a release too many, reads as zero.
fn clamp(load: u32) -> u32 {
    if load > i32::MAX as u32 { 0 } else { load }
}

impl Shared {
    fn words(&self) -> &[AtomicU32] {
        let start = self.mapping.start().cast();
        // SAFETY: the mapping is BYTES long, page-aligned, and lives until `self` is dropped.
        // Other processes write to it with atomics only, and every bit pattern is a valid u32.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), BYTES.get() / size_of::<AtomicU32>()) }
    }
}

/// Changes with the layout below, so that two versions of the library never share a page.
pub(crate) const LAYOUT: u32 = 0x4d4e_0002;
/// Words in a cache line: seats do not slow each other down.
const LINE: usize = 16;
const SLOTS: usize = MAX_NODES as usize + 1;
const LAYOUT_WORD: usize = 0;
const OWNERS: usize = LINE;
const SEAT_WORDS: usize = OWNERS + SLOTS.next_multiple_of(LINE);
const BYTES: NonZeroUsize =
    NonZeroUsize::new((SEAT_WORDS + SEATS as usize * LINE) * size_of::<AtomicU32>()).unwrap();

// The words of a seat.
const LOAD: usize = 0;
const LIFE: usize = 1;
const PROGRESS: usize = 2;
const MARKS: usize = 3;
const THREAD: usize = 4;
