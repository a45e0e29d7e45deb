//! How many connections a node has accepted, on all of its listeners together.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct Tally {
    accepted: AtomicU64,
    /// How many accepted connections somebody waits for; 0 for nobody.
    wanted: AtomicU64,
    reached: Notify,
}

impl Tally {
    /// Connections accepted so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(SeqCst)
    }

    /// Resolves when so many connections were accepted. One task at a time may wait.
    pub(crate) async fn reaches(&self, wanted: u64) {
        self.wanted.store(wanted, SeqCst);
        while self.accepted() < wanted {
            self.reached.notified().await;
        }
    }

    pub(super) fn count_one(&self) {
        let accepted = self.accepted.fetch_add(1, SeqCst) + 1;
        if accepted == self.wanted.load(SeqCst) {
            self.reached.notify_one();
        }
    }
}
