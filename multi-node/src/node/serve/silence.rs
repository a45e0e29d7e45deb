//! Finds out, while a node drains, that the client of an HTTP/2 connection is gone.
//!
//! GOAWAY comes with a ping, which every client that lives answers, however little it has to say.
//! One that says nothing at all, and to which nothing is being answered, would hold the drain up
//! until its end. It closes nothing itself.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// How long the answer to a ping may take.
pub(super) const PING: Duration = Duration::from_secs(5);

/// What goes on in one connection, as far as it tells whether its client lives.
#[derive(Default)]
pub(super) struct Traffic {
    heard: AtomicBool,
    requests: AtomicUsize,
}

impl Traffic {
    /// Bytes were read from the client.
    pub(super) fn has_read(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    /// A request has come.
    pub(super) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// The response to a request has been made.
    pub(super) fn response(&self) {
        self.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

pin_project_lite::pin_project! {
    /// Waits for an answer to the ping that was just sent.
    pub(super) struct Silence {
        #[pin]
        over: Sleep,
        answered: bool,
    }
}

impl Silence {
    /// From now on something is to be heard.
    pub(super) fn begin(traffic: &Traffic) -> Self {
        traffic.heard.store(false, Ordering::Relaxed);
        Silence { over: tokio::time::sleep(PING), answered: false }
    }

    /// Whether the client is gone; wakes the task to ask again.
    pub(super) fn is_final(self: Pin<&mut Self>, cx: &mut Context<'_>, traffic: &Traffic) -> bool {
        let mut this = self.project();
        while !*this.answered && this.over.as_mut().poll(cx) == Poll::Ready(()) {
            *this.answered = traffic.heard.load(Ordering::Relaxed);
            if !*this.answered && traffic.requests.load(Ordering::Relaxed) == 0 {
                return true;
            }
            this.over.as_mut().reset(Instant::now() + PING);
        }
        false
    }
}
