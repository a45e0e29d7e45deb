//! One look at every source of connections: siblings' queues, the inbox, the node's own queue.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering::Relaxed;

use super::Shared;
use super::placement::{Passed, Placed};
use super::ring::REST;
use super::wires::Wires;
use crate::config::Addr;
use crate::report;
use crate::sys::page::Claim;
use crate::sys::socket::{self, Refusal};

/// What a look gave.
pub(super) enum Found {
    Connection(OwnedFd, Addr, Claim),
    /// Something was taken that is not this node's to serve, or was lost: look again.
    Other,
    Nothing,
    /// The listener does not listen any more: the family is leaving.
    Closed,
}

impl Shared {
    /// Takes at most one connection. The caller has been entered in the count.
    pub(super) fn look(&self, wires: &Wires) -> io::Result<Found> {
        self.attend(wires)?;
        if wires.ring.is_resting() {
            return Ok(Found::Nothing);
        }
        self.placement.advance();
        match self.look_inbox(wires)? {
            Found::Nothing => {}
            found => return Ok(found),
        }
        // In turns, so that neither queue, however long, keeps the other waiting.
        let sibling_first = self.sibling_first.load(Relaxed);
        self.sibling_first.store(!sibling_first, Relaxed);
        let [first, second] = if sibling_first {
            [Shared::look_sibling, Shared::look_listener]
        } else {
            [Shared::look_listener, Shared::look_sibling]
        };
        match first(self, wires)? {
            Found::Nothing => second(self, wires),
            found => Ok(found),
        }
    }

    /// Handles what the watch reports, if anything.
    fn attend(&self, wires: &Wires) -> io::Result<()> {
        let attended = wires.watch.try_io(|| {
            self.borrow(wires.ring.attend()?);
            // All was taken: nothing is readable until the kernel says so again.
            Err(io::ErrorKind::WouldBlock.into())
        });
        attended.or_else(ignore_empty)
    }

    fn look_inbox(&self, wires: &Wires) -> io::Result<Found> {
        let Some(own) = &self.own else {
            return Ok(Found::Nothing);
        };
        let found = wires.inbox.try_io(|| {
            let taken = self.placement.take_passed(own.inbox.as_fd());
            taken.inspect_err(|_| {
                // The caller is in the count, but holds no connection.
                self.placement.settle(self.begun.elapsed(), self.open_but_one());
            })
        });
        self.passed(wires, found)
    }

    fn look_listener(&self, wires: &Wires) -> io::Result<Found> {
        let Some(own) = &self.own else {
            return Ok(Found::Nothing);
        };
        let taken = wires.listener.try_io(|| socket::accept(own.listener.as_fd()));
        self.accepted(wires, taken)
    }

    fn look_sibling(&self, wires: &Wires) -> io::Result<Found> {
        let Some((slot, sockets)) = wires.ring.taking() else {
            return Ok(Found::Nothing);
        };
        if wires.ring.has_recovered(slot) {
            wires.ring.taken(slot);
            return Ok(Found::Other);
        }
        match self.take_of_sibling(wires, sockets.inbox.as_fd(), sockets.listener.as_fd())? {
            Found::Nothing => wires.ring.taken(slot),
            Found::Closed => wires.ring.refused(slot),
            found => return Ok(found),
        }
        // Another sibling may be next.
        Ok(Found::Other)
    }

    fn take_of_sibling(
        &self,
        wires: &Wires,
        inbox: BorrowedFd<'_>,
        listener: BorrowedFd<'_>,
    ) -> io::Result<Found> {
        match self.passed(wires, self.placement.take_passed(inbox))? {
            Found::Nothing => self.accepted(wires, socket::accept(listener)),
            found => Ok(found),
        }
    }

    /// What came through an inbox is never passed on again.
    fn passed(&self, wires: &Wires, passed: io::Result<Passed>) -> io::Result<Found> {
        match passed {
            Ok(Passed::Connection(stream, claim)) => Ok(match socket::peer_addr(stream.as_fd()) {
                Ok(peer) => Found::Connection(stream, peer, claim),
                // It was reset before it got here.
                Err(_) => {
                    self.placement.release(claim);
                    Found::Other
                }
            }),
            Ok(Passed::Lost) => Ok(Found::Other),
            Err(error) => self.refused(wires, error),
        }
    }

    fn accepted(&self, wires: &Wires, accepted: io::Result<(OwnedFd, Addr)>) -> io::Result<Found> {
        match accepted {
            Ok((stream, peer)) => Ok(match self.placement.place(self.begun.elapsed(), stream) {
                Placed::Here(stream, claim) => Found::Connection(stream, peer, claim),
                Placed::Elsewhere => Found::Other,
            }),
            Err(error) => self.refused(wires, error),
        }
    }

    pub(super) fn refused(&self, wires: &Wires, error: io::Error) -> io::Result<Found> {
        match Refusal::of(&error) {
            Refusal::Empty => {
                if self.exhaustion_logged.load(Relaxed) {
                    self.exhaustion_logged.store(false, Relaxed);
                }
                Ok(Found::Nothing)
            }
            Refusal::Passing => Ok(Found::Other),
            Refusal::Exhausted => {
                self.rest(wires, &error);
                Ok(Found::Nothing)
            }
            Refusal::Closed => Ok(Found::Closed),
            Refusal::Lasting => Err(error),
        }
    }

    /// Out of fds or memory: leaves the queue to the others for a while, instead of spinning.
    fn rest(&self, wires: &Wires, error: &io::Error) {
        wires.ring.rest();
        self.placement.mark_stuck();
        if !self.exhaustion_logged.swap(true, Relaxed) {
            report::warn!(
                "cannot accept: {error}; {} open already, it tries again every {REST:?}",
                self.open_but_one()
            );
        }
    }

    fn open_but_one(&self) -> usize {
        self.count.open().saturating_sub(1)
    }
}

fn ignore_empty(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::WouldBlock { Ok(()) } else { Err(error) }
}
