//! Deadlines, and the one way to wait for what sends no event.

use std::thread;
use std::time::{Duration, Instant};

/// A moment after which waiting is a failure.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Instant,
    span: Duration,
}

impl Deadline {
    /// The moment that lies `span` ahead.
    pub fn after(span: Duration) -> Deadline {
        Deadline { at: Instant::now() + span, span }
    }

    /// What is left of the span; zero once the deadline passed.
    pub fn left(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Whether nothing is left.
    pub fn passed(&self) -> bool {
        self.left().is_zero()
    }

    /// The span that the deadline was made with.
    pub fn span(&self) -> Duration {
        self.span
    }
}

/// Waits until `condition` holds, for states that send no event: what `/proc` shows, a port that
/// becomes free.
///
/// Between two looks it gives the processor away, 20 ms at most: spinning would starve the very
/// processes that the test waits for. The pause is no part of what is tested: only the deadline
/// ends the wait in failure.
///
/// # Panics
///
/// When the deadline passes first; the message holds `what`.
#[track_caller]
pub fn eventually(deadline: Deadline, what: &str, mut condition: impl FnMut() -> bool) {
    let mut pause = Duration::from_millis(1);
    while !condition() {
        assert!(!deadline.passed(), "waited {:?} until {what}", deadline.span());
        thread::park_timeout(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
