//! Where a node is in its life: started, ready, draining, over. Each step is taken once, and whoever
//! waits for it is told; nothing here decides when.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use crate::config::Readiness;

/// The life of this node, as its tasks see it.
#[derive(Debug)]
pub(crate) struct Life {
    draining: watch::Sender<bool>,
    /// Whether `main` knows how to leave: it asked to be told of the drain.
    asked: AtomicBool,
    readiness: Readiness,
    ready: watch::Sender<bool>,
    /// Whether the program is about to stop, which its load balancers are to find out.
    leaving: AtomicBool,
    /// Whether `main` has ended, and all that it left behind.
    over: AtomicBool,
}

impl Life {
    pub(crate) fn new(readiness: Readiness) -> Life {
        Life {
            draining: watch::Sender::new(false),
            asked: AtomicBool::new(false),
            readiness,
            ready: watch::Sender::new(false),
            leaving: AtomicBool::new(false),
            over: AtomicBool::new(false),
        }
    }

    /// What makes this node ready.
    pub(crate) fn readiness(&self) -> Readiness {
        self.readiness
    }

    /// Takes the step to ready; whether it was the first time.
    pub(crate) fn become_ready(&self) -> bool {
        !self.ready.send_replace(true)
    }

    /// Resolves when connections may be taken: at once where taking them is what makes this node
    /// ready, and otherwise once it is.
    pub(crate) async fn opened(&self) {
        match self.readiness {
            Readiness::Implicit => {}
            Readiness::Explicit if *self.ready.borrow() => {}
            // It fails only with the node itself, which nobody is left to wait for.
            Readiness::Explicit => drop(self.ready.subscribe().wait_for(|ready| *ready).await),
        }
    }

    /// Reports from now on that this node is not ready, though it still serves.
    pub(crate) fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Whether new requests are welcome here.
    pub(crate) fn is_ready(&self) -> bool {
        *self.ready.borrow() && !self.leaving.load(Ordering::Relaxed) && !self.draining()
    }

    /// Takes the step to draining.
    pub(crate) fn drain(&self) {
        self.draining.send_replace(true);
    }

    pub(crate) fn draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// A future that resolves when this node drains, for a `main` that will then return.
    pub(crate) fn shutdown(&self) -> impl Future<Output = ()> + Send + 'static {
        self.asked.store(true, Ordering::Relaxed);
        self.drained()
    }

    /// Whether `main` asked to be told.
    pub(crate) fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// A future that resolves when this node drains.
    pub(crate) fn drained(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut draining = self.draining.subscribe();
        async move {
            if draining.wait_for(|draining| *draining).await.is_err() {
                // The node itself is gone, and with it the last who could tell.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Takes the last step: nothing of `main` is left.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Whether it was taken.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}
