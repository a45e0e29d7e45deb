//! A queue for each listener: what is published goes to all of them.
//!
//! Nobody here waits for a listener: one that does not keep up loses the oldest events and is
//! told how many.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use crate::policy::news::{Backlog, Lagged};

/// How many events wait for one listener.
pub(super) const WAITING: usize = 1024;

/// One listener's end.
#[derive(Debug)]
pub(super) struct Subscription<E>(Arc<Shared<E>>);

#[derive(Debug)]
struct Shared<E>(Mutex<Queue<E>>);

#[derive(Debug)]
struct Queue<E> {
    backlog: Backlog<E>,
    ended: bool,
    waker: Option<Waker>,
}

impl<E: Lagged> Subscription<E> {
    /// The next event; `None` when no more will come.
    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<E>> {
        let mut queue = self.0.lock();
        match queue.backlog.pop() {
            Some(event) => Poll::Ready(Some(event)),
            None if queue.ended => Poll::Ready(None),
            None => {
                queue.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<E> Shared<E> {
    fn lock(&self) -> MutexGuard<'_, Queue<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Queue<E>)) {
        let waker = {
            let mut queue = self.lock();
            change(&mut queue);
            queue.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Everybody who listens.
#[derive(Debug)]
pub(super) struct Subscribers<E> {
    ended: bool,
    listeners: Vec<Weak<Shared<E>>>,
}

impl<E> Default for Subscribers<E> {
    fn default() -> Self {
        Subscribers { ended: false, listeners: Vec::new() }
    }
}

impl<E: Lagged + Clone> Subscribers<E> {
    /// One more listener, who hears these events first.
    pub(super) fn subscribe(&mut self, first: impl Iterator<Item = E>) -> Subscription<E> {
        let mut backlog = Backlog::new(WAITING);
        first.for_each(|event| backlog.push(event));
        let queue = Queue { backlog, ended: self.ended, waker: None };
        let shared = Arc::new(Shared(Mutex::new(queue)));
        self.listeners.push(Arc::downgrade(&shared));
        Subscription(shared)
    }

    /// Passes `event` on to all who listen.
    pub(super) fn publish(&mut self, event: &E) {
        self.each(|queue| queue.backlog.push(event.clone()));
    }

    /// Nothing happens any more.
    pub(super) fn end(&mut self) {
        self.ended = true;
        self.each(|queue| queue.ended = true);
    }

    fn each(&mut self, change: impl Fn(&mut Queue<E>)) {
        self.listeners.retain(|listener| {
            listener.upgrade().map(|listener| listener.change(&change)).is_some()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Subscribers;
    use crate::event::Event;

    #[test]
    fn a_listener_that_was_dropped_is_forgotten() {
        let mut subscribers = Subscribers::default();
        drop(subscribers.subscribe(std::iter::empty()));
        subscribers.publish(&Event::Stopping);
        assert!(subscribers.listeners.is_empty());
    }
}
