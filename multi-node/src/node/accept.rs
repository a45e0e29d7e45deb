//! Fair accept: connections from the node's own queue, from its inbox, and from siblings that do
//! not look after theirs.
//!
//! [`Acceptor`] is a node's part in it, shared by the tasks that accept and by the control thread.
//! Where a connection goes is decided by `policy::place`; how full the nodes are stands in the
//! load page. It never accepts on its own account: nothing is taken while no task awaits
//! [`Acceptor::accept`], and a task that is dropped while it waits has taken nothing.

use std::future::pending;
use std::io;
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use super::life::Life;
use crate::config::{Addr, Slot};
use crate::link::control::Keeping;
use crate::sys::page::{Page, Seat};
use crate::sys::socket;

mod count;
mod look;
mod placement;
mod ring;
mod tally;
#[cfg(test)]
mod tests;
mod wires;

use count::{Count, Entry};
use look::Found;
use placement::Placement;
use ring::Ring;
use wires::Wires;

pub use count::OpenGuard;
pub(crate) use tally::Tally;

/// What a serving slot has of a listener: both ends' lives are the master's, a node borrows them.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) listener: OwnedFd,
    /// The end that is read: connections that others passed on.
    pub(crate) inbox: OwnedFd,
}

/// What a node is told before it can accept.
pub(crate) struct Setup {
    /// The number of the listener.
    pub(crate) listener: u16,
    pub(crate) page: Page,
    pub(crate) seat: Seat,
    pub(crate) slot: Slot,
    /// The slots that have sockets.
    pub(crate) slots: RangeInclusive<Slot>,
    /// `None` for a node that does not listen.
    pub(crate) own: Option<Sockets>,
    pub(crate) keeping: Keeping,
    pub(crate) local_addr: Addr,
    /// Says from when on connections may be taken.
    pub(crate) life: Arc<Life>,
    /// Counts what all acceptors of this node accept.
    pub(crate) tally: Arc<Tally>,
    /// Asks the master for a sibling's sockets; [`Acceptor::lend`] is the answer. Must not block.
    pub(crate) borrow: Box<dyn Fn(Slot) + Send + Sync>,
    /// Called at the first poll that may take a connection, once. Must not block.
    pub(crate) on_first_poll: Box<dyn Fn() + Send + Sync>,
}

/// A node's part in the fair accept of one listener. Clones are the same acceptor.
#[derive(Clone)]
pub(crate) struct Acceptor(Arc<Shared>);

struct Shared {
    listener: u16,
    own: Option<Sockets>,
    keeping: Keeping,
    local_addr: Addr,
    life: Arc<Life>,
    tally: Arc<Tally>,
    borrow: Box<dyn Fn(Slot) + Send + Sync>,
    on_first_poll: Box<dyn Fn() + Send + Sync>,
    polled: AtomicBool,
    begun: Instant,
    placement: Placement,
    count: Count,
    /// Made by the first poll, in the runtime of the task that polls.
    ring: OnceLock<Arc<Ring>>,
    wires: Mutex<Option<Arc<Wires>>>,
    /// Whether the next look begins at a sibling's queue.
    sibling_first: AtomicBool,
    /// Whether the log already says that fds or memory ran out.
    exhaustion_logged: AtomicBool,
}

/// An accepted connection, counted.
pub(crate) type Accepted = (OwnedFd, Addr, OpenGuard);

impl Acceptor {
    pub(crate) fn new(setup: Setup) -> Acceptor {
        Acceptor(Arc::new(Shared {
            placement: Placement::new(setup.page, setup.seat, setup.slot, setup.slots),
            listener: setup.listener,
            own: setup.own,
            keeping: setup.keeping,
            local_addr: setup.local_addr,
            life: setup.life,
            tally: setup.tally,
            borrow: setup.borrow,
            on_first_poll: setup.on_first_poll,
            polled: AtomicBool::new(false),
            begun: Instant::now(),
            count: Count::default(),
            ring: OnceLock::new(),
            wires: Mutex::new(None),
            sibling_first: AtomicBool::new(false),
            exhaustion_logged: AtomicBool::new(false),
        }))
    }

    /// Takes the next connection that is this node's to serve.
    ///
    /// Never returns for a node that does not listen, nor once accepting was stopped; takes nothing
    /// before the node's life is open to it. Dropping the future loses nothing. Any number of tasks
    /// may wait at once; the runtime of the first that ever polled drives them all.
    ///
    /// # Errors
    /// Only for what lasts: no reactor, no fd left to begin with, a listener that is none.
    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        let shared = &self.0;
        shared.life.opened().await;
        let wires = shared.wires()?;
        shared.announce();
        let Some(wires) = wires else {
            return pending().await;
        };
        loop {
            // A queue that never empties must not keep the tasks from running that serve it.
            tokio::task::coop::consume_budget().await;
            let stop = shared.count.changed();
            let Some(entry) = Entry::new(shared) else {
                break;
            };
            match shared.look(&wires)? {
                Found::Connection(stream, peer, claim) => {
                    return Ok((stream, peer, OpenGuard::new(entry, claim)));
                }
                Found::Other => continue,
                Found::Closed => break,
                Found::Nothing => drop(entry),
            }
            let rested = wires.ring.rested();
            if wires.ring.is_resting() {
                wires.rested_or(rested, stop).await?;
            } else {
                wires.ready_or(stop).await?;
            }
        }
        drop(wires);
        pending().await
    }

    /// Counts a connection that another node accepted on this listener, and hands over; `None` once
    /// accepting was stopped.
    pub(crate) fn adopt(&self) -> Option<OpenGuard> {
        let entry = Entry::new(&self.0)?;
        Some(OpenGuard::new(entry, self.0.placement.claim()))
    }

    /// These slots too have sockets from now on.
    pub(crate) fn slots_reach(&self, slots: RangeInclusive<Slot>) {
        self.0.placement.home().slots.reach(slots);
        self.ring_changed();
    }

    /// Keeps the end that is written of another slot's inbox. The first one stays.
    pub(crate) fn set_outbox(&self, slot: Slot, outbox: OwnedFd) {
        self.0.placement.set_outbox(slot, outbox);
    }

    /// The master's answer to `borrow`.
    pub(crate) fn lend(&self, slot: Slot, sockets: Sockets) {
        if let Some(ring) = self.0.ring.get() {
            self.0.borrow(ring.lend(slot, sockets));
        }
    }

    /// A slot lost or found an owner: whose queues this node watches may be others now.
    pub(crate) fn ring_changed(&self) {
        if let Some(ring) = self.0.ring.get() {
            self.0.borrow(ring.reach_again());
        }
    }

    /// Takes nothing from now on: whoever awaits [`accept`](Acceptor::accept) waits for ever.
    pub(crate) fn stop_accepting(&self) {
        self.0.placement.mark_draining();
        self.0.count.stop();
        // What is registered with the runtime would wake it for every connection to come.
        *lock(&self.0.wires) = None;
    }

    /// Connections that are open; one that is being accepted counts for that moment.
    pub(crate) fn open(&self) -> usize {
        self.0.count.open()
    }

    /// Resolves once accepting was stopped and no connection is open.
    pub(crate) async fn closed(&self) {
        self.0.count.closed().await;
    }

    /// Stops accepting and ends listening for every process: own socket and siblings' alike,
    /// unless they are somebody else's.
    ///
    /// For when the master is gone: the port is free at once, also while a process that hangs
    /// still holds an fd of it.
    pub(crate) fn close_for_all(&self) {
        self.stop_accepting();
        if self.0.keeping == Keeping::Lent {
            return;
        }
        if let Some(own) = &self.0.own {
            // Another node may have been first, which is as good.
            let _ = socket::close_for_all(own.listener.as_fd());
        }
        if let Some(ring) = self.0.ring.get() {
            ring.close_for_all();
        }
    }

    /// A copy of the listening socket, for a user who accepts from it without this module.
    ///
    /// # Errors
    /// `Unsupported` for a node that does not listen; when no fd is left.
    pub(crate) fn set_apart(&self) -> io::Result<OwnedFd> {
        let own = self.0.own.as_ref().ok_or_else(not_listening)?;
        let listener = own.listener.try_clone()?;
        self.0.placement.mark_apart();
        self.0.announce();
        Ok(listener)
    }

    /// Whether the listening socket was given out, so that not all connections are counted here.
    pub(crate) fn is_apart(&self) -> bool {
        self.0.placement.is_apart()
    }

    /// The address that is listened on.
    pub(crate) fn local_addr(&self) -> &Addr {
        &self.0.local_addr
    }
}

impl Shared {
    /// What this node is woken by, made on the first call; `None` when it is not to accept.
    fn wires(&self) -> io::Result<Option<Arc<Wires>>> {
        let Some(own) = &self.own else {
            return Ok(None);
        };
        let mut wires = lock(&self.wires);
        if self.count.is_stopped() {
            return Ok(None);
        }
        if let Some(wires) = &*wires {
            return Ok(Some(Arc::clone(wires)));
        }
        let ring = Arc::new(Ring::new(self.placement.home().clone(), self.begun)?);
        let made = Arc::new(Wires::new(own, Arc::clone(&ring))?);
        let wanted = ring.begin();
        // Nothing made a ring before: the wires' lock is held, and wires are made once.
        let _ = self.ring.set(ring);
        *wires = Some(Arc::clone(&made));
        drop(wires);
        self.borrow(wanted);
        Ok(Some(made))
    }

    /// Says, once, that this node is ready, and which thread made it so.
    fn announce(&self) {
        if !self.polled.load(Relaxed) && !self.polled.swap(true, Relaxed) {
            self.placement.set_thread();
            (self.on_first_poll)();
        }
    }

    fn borrow(&self, wanted: Option<Slot>) {
        if let Some(slot) = wanted {
            (self.borrow)(slot);
        }
    }
}

pub(super) fn not_listening() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "this node does not listen")
}

/// A panic while a lock was held left nothing half done that matters here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
