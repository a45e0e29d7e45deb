//! How long a client may let an HTTP/1 connection wait for a request.
//!
//! hyper's own timeout takes a timer and another round of its loop for every request, a fifth of
//! the instructions of a small one, and an idle connection gets no longer than a slow head. Here
//! requests leave a mark as they come and go, and one timer a connection looks now and then whether
//! the mark has changed.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Between two looks at a connection.
const LOOK: Duration = Duration::from_secs(30);

/// Looks without a change at which a head that has begun is given up: after 30 to 60 s.
const HEAD_LOOKS: u32 = 1;

/// Looks without a change at which an idle connection is closed: after 90 to 120 s, longer than the
/// 60 s for which most proxies keep theirs, so that it is they who close and no request crosses.
const IDLE_LOOKS: u32 = 3;

/// What a connection waits for, and the mark of everything that changed it.
///
/// Written by the connection's task alone; atomic because it is shared with what hyper holds.
pub(super) struct Waiting(AtomicU32);

/// No byte of the next request has come.
const IDLE: u32 = 0;
/// No byte of the next request has come that could be told from the body of the last one.
const IDLE_AFTER_BODY: u32 = 1;
/// A request's head has begun to come.
const HEAD: u32 = 2;
/// A response is being made or sent.
const BUSY: u32 = 3;
/// What tells these apart; the bits above count.
const KIND: u32 = 3;

impl Waiting {
    pub(super) fn new() -> Self {
        Waiting(AtomicU32::new(IDLE))
    }

    fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    fn change(&self, state: u32, kind: u32) {
        self.0.store((state & !KIND).wrapping_add(KIND + 1) | kind, Ordering::Relaxed);
    }

    /// Bytes were read from the client.
    pub(super) fn has_read(&self) {
        let state = self.get();
        match state & KIND {
            IDLE => self.change(state, HEAD),
            IDLE_AFTER_BODY => self.change(state, IDLE_AFTER_BODY),
            _ => {}
        }
    }

    /// Bytes were written, which the client took: the last of a response, when nothing else goes on.
    pub(super) fn has_written(&self) {
        let state = self.get();
        if state & KIND != BUSY {
            self.change(state, state & KIND);
        }
    }

    /// A head is complete.
    pub(super) fn request(&self) {
        self.change(self.get(), BUSY);
    }

    /// The response to a request, with or without a body, has been made.
    pub(super) fn response(&self, request_had_body: bool) {
        let kind = if request_had_body { IDLE_AFTER_BODY } else { IDLE };
        self.change(self.get(), kind);
    }

    /// Whether a request's head has begun to come.
    pub(super) fn head_begun(&self) -> bool {
        self.get() & KIND == HEAD
    }
}

pin_project_lite::pin_project! {
    /// Looks at a connection's [`Waiting`] until it has been the same for too long.
    pub(super) struct Patience {
        #[pin]
        next_look: Sleep,
        registered: bool,
        seen: u32,
        looks: u32,
    }
}

impl Patience {
    pub(super) fn new() -> Self {
        Patience { next_look: tokio::time::sleep(LOOK), registered: false, seen: IDLE, looks: 0 }
    }

    /// Whether the client has let the connection wait for too long; wakes the task to ask again.
    pub(super) fn is_over(self: Pin<&mut Self>, cx: &mut Context<'_>, waiting: &Waiting) -> bool {
        let mut this = self.project();
        // This runs whenever the connection is polled; a task's waker never changes, so it is
        // registered once.
        if *this.registered && !this.next_look.is_elapsed() {
            return false;
        }
        *this.registered = true;
        while let Poll::Ready(()) = this.next_look.as_mut().poll(cx) {
            this.next_look.as_mut().reset(Instant::now() + LOOK);
            let state = waiting.get();
            *this.looks = if state == *this.seen { *this.looks + 1 } else { 0 };
            *this.seen = state;
            let enough = match state & KIND {
                IDLE | IDLE_AFTER_BODY => *this.looks >= IDLE_LOOKS,
                HEAD => *this.looks >= HEAD_LOOKS,
                _ => false,
            };
            if enough {
                return true;
            }
        }
        false
    }
}
