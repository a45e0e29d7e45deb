//! Keeping this node's entry in the load page, and passing connections on as the policy says.

use std::io;
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};

use super::lock;
use crate::config::{MAX_NODES, Slot};
use crate::policy::place::siblings::{Cpu, Health};
use crate::policy::place::{Bucket, Drift, Time, emptiest, others};
use crate::sys::cpu::{self, Account};
use crate::sys::packet;
use crate::sys::page::{Claim, Mark, Page, Seat};

/// A node's place in the ring and in the page.
#[derive(Debug, Clone)]
pub(super) struct Home {
    pub(super) page: Page,
    pub(super) slot: Slot,
    pub(super) slots: Arc<Slots>,
}

/// The slots that have sockets: more may come, none goes.
#[derive(Debug)]
pub(super) struct Slots {
    first: AtomicU16,
    last: AtomicU16,
}

impl Slots {
    pub(super) fn all(&self) -> RangeInclusive<Slot> {
        self.first.load(Relaxed)..=self.last.load(Relaxed)
    }

    pub(super) fn reach(&self, slots: RangeInclusive<Slot>) {
        self.first.fetch_min(*slots.start(), Relaxed);
        self.last.fetch_max(*slots.end(), Relaxed);
    }
}

pub(super) struct Placement {
    home: Home,
    seat: Seat,
    outboxes: Box<[OnceLock<OwnedFd>]>,
    bucket: Mutex<Bucket>,
    drift: Mutex<Drift>,
}

/// What came of placing a connection.
pub(super) enum Placed {
    Here(OwnedFd, Claim),
    Elsewhere,
}

/// What an inbox held.
pub(super) enum Passed {
    Connection(OwnedFd, Claim),
    /// A connection that was lost on the way, because this process had no room for its fd.
    Lost,
}

impl Placement {
    pub(super) fn new(
        page: Page,
        seat: Seat,
        slot: Slot,
        slots: RangeInclusive<Slot>,
    ) -> Placement {
        let (first, last) = slots.into_inner();
        let slots = Arc::new(Slots { first: AtomicU16::new(first), last: AtomicU16::new(last) });
        Placement {
            home: Home { page, slot, slots },
            seat,
            outboxes: std::iter::repeat_with(OnceLock::new)
                .take(usize::from(MAX_NODES) + 1)
                .collect(),
            bucket: Mutex::new(Bucket::new(Time::ZERO)),
            drift: Mutex::new(Drift::default()),
        }
    }

    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    pub(super) fn set_outbox(&self, slot: Slot, outbox: OwnedFd) {
        if let Some(place) = self.outboxes.get(usize::from(slot)) {
            // A slot's inbox is the same for the master's whole life.
            let _ = place.set(outbox);
        }
    }

    /// Says that this thread is the one that accepts.
    pub(super) fn set_thread(&self) {
        self.home.page.set_thread(self.seat, cpu::thread());
    }

    /// Says that this node looks for connections, which also proves that it is not stuck.
    pub(super) fn advance(&self) {
        let page = &self.home.page;
        page.advance(self.seat);
        if page.marks(self.seat).has(Mark::Stuck) {
            page.unmark(self.seat, Mark::Stuck);
        }
    }

    /// Sends the others to this node's queue, and keeps them from passing it anything, until it
    /// next [`advance`](Placement::advance)s.
    pub(super) fn mark_stuck(&self) {
        self.home.page.mark(self.seat, Mark::Stuck);
    }

    pub(super) fn mark_draining(&self) {
        self.home.page.mark(self.seat, Mark::Draining);
    }

    pub(super) fn is_apart(&self) -> bool {
        self.home.page.marks(self.seat).has(Mark::Apart)
    }

    pub(super) fn mark_apart(&self) {
        self.home.page.mark(self.seat, Mark::Apart);
    }

    /// Counts one more connection here.
    pub(super) fn claim(&self) -> Claim {
        self.home.page.claim_any(self.seat)
    }

    pub(super) fn release(&self, claim: Claim) {
        self.home.page.release(claim);
    }

    /// Keeps a connection that came through a listener, or passes it to the emptiest node.
    pub(super) fn place(&self, now: Time, stream: OwnedFd) -> Placed {
        let page = &self.home.page;
        loop {
            let mine = page.load(self.seat);
            // A claim fails when the load has just changed: whoever is emptiest now is another.
            match self.emptier(now, mine) {
                None => {
                    if let Some(claim) = page.claim(self.seat, mine) {
                        return Placed::Here(stream, claim);
                    }
                }
                Some(other) => {
                    if let Some(claim) = page.claim(other.seat, other.load) {
                        return self.pass(stream, other.outbox, claim);
                    }
                }
            }
        }
    }

    /// The emptiest node that has less than `mine`, if one more may be passed on.
    fn emptier(&self, now: Time, mine: u32) -> Option<Candidate<'_>> {
        if mine == 0 {
            return None;
        }
        let slots = others(self.home.slot, self.home.slots.all());
        let candidates = slots.filter_map(|slot| self.candidate(slot));
        let (other, _) = emptiest(mine, candidates.map(|other| (other, other.load)))?;
        lock(&self.bucket).has_token(now).then_some(other)
    }

    fn candidate(&self, slot: Slot) -> Option<Candidate<'_>> {
        let outbox = self.outboxes.get(usize::from(slot))?.get()?.as_fd();
        let seat = self.home.page.owner(slot)?;
        let live = self.home.page.marks(seat).is_empty();
        live.then(|| Candidate { outbox, seat, load: self.home.page.load(seat) })
    }

    fn pass(&self, stream: OwnedFd, outbox: BorrowedFd<'_>, claim: Claim) -> Placed {
        if packet::send(outbox, &claim.to_bytes(), &[stream.as_fd()]).is_ok() {
            lock(&self.bucket).spend();
            return Placed::Elsewhere;
        }
        // Its inbox is full, or too many fds are in flight: better served here than not at all.
        let page = &self.home.page;
        page.release(claim);
        Placed::Here(stream, page.claim_any(self.seat))
    }

    /// Takes a connection from an inbox, this node's or a sibling's. It counts here from now on.
    ///
    /// # Errors
    /// `WouldBlock` when the inbox is empty, or nobody is left to fill it; `EMFILE` when this
    /// process has no room for a connection.
    pub(super) fn take_passed(&self, inbox: BorrowedFd<'_>) -> io::Result<Passed> {
        // A connection for which there is no room would be lost on the way: it stays in the queue.
        // Other threads of this process open fds meanwhile, in the master supervision's too.
        let room: io::Result<Vec<OwnedFd>> =
            (0..ROOM).map(|_| inbox.try_clone_to_owned()).collect();
        drop(room?);
        // One byte more than a claim, so that nothing longer passes for one.
        let mut bytes = [0; Claim::BYTES + 1];
        let (length, fds) = match packet::receive(inbox, &mut bytes) {
            Ok((0, fds)) if fds.is_empty() => return Err(io::ErrorKind::WouldBlock.into()),
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(Passed::Lost),
            Err(error) => return Err(error),
        };
        let claim = bytes.first_chunk().filter(|_| length == Claim::BYTES);
        let mut fds = fds.into_iter();
        Ok(match (claim, fds.next()) {
            (Some(claim), Some(fd)) => {
                Passed::Connection(fd, self.adopt(Claim::from_bytes(*claim)))
            }
            (Some(_) | None, Some(_) | None) => Passed::Lost,
        })
    }

    /// Moves a claim to this node, unless it was meant for it.
    fn adopt(&self, claim: Claim) -> Claim {
        let page = &self.home.page;
        if page.holds(self.seat, claim) {
            return claim;
        }
        let own = page.claim_any(self.seat);
        page.release(claim);
        own
    }

    /// Corrects this node's load after a death elsewhere, when nothing waits in its inbox and
    /// `open` connections are open.
    pub(super) fn settle(&self, now: Time, open: usize) {
        let load = self.home.page.load(self.seat);
        let open = u32::try_from(open).unwrap_or(u32::MAX);
        if let Some(excess) = lock(&self.drift).observe(now, load, open) {
            self.home.page.correct(self.seat, load, excess);
        }
    }
}

/// Fds for which there must be room before a connection is taken from an inbox.
const ROOM: usize = 8;

/// A node that a connection may be passed to.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    outbox: BorrowedFd<'a>,
    seat: Seat,
    load: u32,
}

impl Home {
    /// How the node in a slot is.
    pub(super) fn health(&self, slot: Slot) -> Health {
        let Some(seat) = self.page.owner(slot) else {
            return Health::Unwell;
        };
        let marks = self.page.marks(seat);
        if marks.has(Mark::Stuck) || marks.has(Mark::Draining) {
            Health::Unwell
        } else if marks.has(Mark::Apart) {
            Health::Apart
        } else {
            Health::Well { progress: self.page.progress(seat) }
        }
    }

    /// What the node in a slot has had of the CPUs; nothing where nobody can say.
    pub(super) fn cpu(&self, slot: Slot) -> Cpu {
        let thread = self.page.owner(slot).and_then(|seat| self.page.thread(seat));
        thread.and_then(cpu::account).map_or_else(Cpu::default, |account| {
            let Account { runnable, ran, delayed } = account;
            Cpu { runnable, ran, delayed }
        })
    }

    /// Marks the node in a slot, so that nobody passes it connections until it moves again.
    pub(super) fn mark_stuck(&self, slot: Slot) {
        if let Some(seat) = self.page.owner(slot) {
            self.page.mark(seat, Mark::Stuck);
        }
    }
}
