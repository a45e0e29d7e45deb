//! How many requests this node handles, and whether it takes more: it stops to when it leaves.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use tokio::sync::Notify;

/// See the module.
#[derive(Debug, Default)]
pub(in crate::node) struct Intake {
    under_way: AtomicUsize,
    closed: AtomicBool,
    idle: Notify,
}

/// One request under way, until dropped.
#[derive(Debug)]
pub(super) struct Admitted(Arc<Intake>);

impl Intake {
    /// Counts one more, unless no more are taken.
    pub(super) fn admit(self: &Arc<Self>) -> Option<Admitted> {
        // Counted before it looks, so that `close` misses none.
        self.under_way.fetch_add(1, SeqCst);
        let admitted = Admitted(Arc::clone(self));
        (!self.closed.load(SeqCst)).then_some(admitted)
    }

    /// Takes no more, and waits until none is under way.
    pub(super) async fn close(&self) {
        self.closed.store(true, SeqCst);
        loop {
            let mut idle = pin!(self.idle.notified());
            idle.as_mut().enable();
            if self.under_way.load(SeqCst) == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let was_last = self.0.under_way.fetch_sub(1, SeqCst) == 1;
        if was_last && self.0.closed.load(SeqCst) {
            self.0.idle.notify_waiters();
        }
    }
}
