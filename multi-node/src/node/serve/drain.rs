//! How far the drain has come, and how many connections are open.
//!
//! Connections read it with one relaxed load a request and are woken once, when it concerns them.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The drain of one `serve`.
#[derive(Default)]
pub(super) struct Drain {
    /// Responses say that the connection closes.
    pub(super) draining: Gate,
    /// Idle connections close.
    pub(super) closing: Gate,
    open: AtomicUsize,
    last_closed: Notify,
}

impl Drain {
    /// Leads from serving to closed, as the module `serve` describes.
    pub(super) async fn run(&self, shutdown: impl Future<Output = ()>, grace: Duration) {
        shutdown.await;
        self.draining.pass();
        tokio::select! {
            () = self.none_open() => {}
            () = tokio::time::sleep(grace) => {
                self.closing.pass();
                self.none_open().await;
            }
        }
    }

    /// Skips what is left of the grace.
    pub(super) fn close(&self) {
        self.draining.pass();
        self.closing.pass();
    }

    pub(super) fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn closed(&self) {
        // Release and acquire: whoever sees none open sees what the connections did before.
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.last_closed.notify_waiters();
        }
    }

    async fn none_open(&self) {
        loop {
            let closed = self.last_closed.notified();
            if self.open.load(Ordering::Acquire) == 0 {
                return;
            }
            closed.await;
        }
    }
}

/// A moment that comes once and is never taken back.
#[derive(Default)]
pub(super) struct Gate {
    passed: AtomicBool,
    waiting: Notify,
}

impl Gate {
    pub(super) fn pass(&self) {
        self.passed.store(true, Ordering::Release);
        self.waiting.notify_waiters();
    }

    pub(super) fn is_passed(&self) -> bool {
        self.passed.load(Ordering::Relaxed)
    }

    pub(super) fn watch(&self) -> Watch<'_> {
        Watch { gate: self, notified: self.waiting.notified(), state: Watching::Unregistered }
    }
}

enum Watching {
    Unregistered,
    Registered,
    Reported,
}

pin_project_lite::pin_project! {
    /// Tells one task, once, that a gate was passed.
    ///
    /// It is polled whenever its connection is, so it takes the lock of the `Notify` only the first
    /// time. That is enough inside a spawned task, whose waker never changes.
    pub(super) struct Watch<'a> {
        gate: &'a Gate,
        #[pin]
        notified: Notified<'a>,
        state: Watching,
    }
}

impl Watch<'_> {
    /// Whether the gate has been passed since; true once.
    pub(super) fn passed_now(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let this = self.project();
        let passed = match this.state {
            Watching::Unregistered => {
                *this.state = Watching::Registered;
                // Registered before the gate is looked at, so that no passing falls in between.
                matches!(this.notified.poll(cx), Poll::Ready(())) || this.gate.is_passed()
            }
            Watching::Registered => this.gate.is_passed(),
            Watching::Reported => false,
        };
        if passed {
            *this.state = Watching::Reported;
        }
        passed
    }
}
