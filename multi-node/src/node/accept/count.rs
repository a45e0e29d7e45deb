//! How many connections are open here, and whether more are to come.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::Shared;
use crate::sys::page::Claim;

/// Open connections, and accepts under way.
///
/// An accept enters before it looks whether it may take anything, and leaves when it took
/// nothing: "stopped, and nobody in" can therefore not become true while a connection is being
/// taken.
#[derive(Debug, Default)]
pub(super) struct Count {
    inside: AtomicUsize,
    stopped: AtomicBool,
    changed: Notify,
}

impl Count {
    pub(super) fn open(&self) -> usize {
        self.inside.load(SeqCst)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(SeqCst)
    }

    /// Lets nobody enter from now on.
    pub(super) fn stop(&self) {
        self.stopped.store(true, SeqCst);
        self.changed.notify_waiters();
    }

    /// Resolves at the next stop, or when the last one leaves after it.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    pub(super) async fn closed(&self) {
        loop {
            let changed = self.changed();
            if self.is_stopped() && self.open() == 0 {
                return;
            }
            changed.await;
        }
    }

    fn enter(&self) -> bool {
        self.inside.fetch_add(1, SeqCst);
        if self.is_stopped() {
            self.leave();
            return false;
        }
        true
    }

    fn leave(&self) {
        if self.inside.fetch_sub(1, SeqCst) == 1 && self.is_stopped() {
            self.changed.notify_waiters();
        }
    }
}

/// Being counted among the open, until it is dropped.
pub(super) struct Entry(Arc<Shared>);

impl Entry {
    /// `None` once accepting was stopped.
    pub(super) fn new(shared: &Arc<Shared>) -> Option<Entry> {
        shared.count.enter().then(|| Entry(Arc::clone(shared)))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.0.count.leave();
    }
}

/// Keeps a connection counted as open for as long as it lives.
///
/// New connections go to the node that has the fewest, and a node that drains stays until none is
/// left: keep the guard beside a stream that was taken out of its
/// [`Connection`](crate::Connection), and drop it with the stream.
pub struct OpenGuard {
    claim: Claim,
    entry: Entry,
}

impl OpenGuard {
    pub(super) fn new(entry: Entry, claim: Claim) -> OpenGuard {
        entry.0.tally.count_one();
        OpenGuard { claim, entry }
    }

    /// The number of the listener on which it counts.
    pub(in crate::node) fn listener(&self) -> u16 {
        self.entry.0.listener
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        self.entry.0.placement.release(self.claim);
    }
}

impl fmt::Debug for OpenGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OpenGuard").field(&self.claim).finish()
    }
}
