//! The program's events, for whoever listens in the master: passes on what supervision says.
//!
//! Nobody here waits for a listener: one that does not keep up loses the oldest events and is
//! told how many.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use super::Nodes;
use crate::event::Event;
use crate::link::control::ToMaster;
use crate::policy::news::{Backlog, Roster};

/// How many events wait for one listener.
const WAITING: usize = 1024;

impl Nodes {
    /// What happens to the program's processes from now on, in the master: starts, deaths,
    /// reloads.
    ///
    /// It begins with an [`Event::Spawned`], and an [`Event::Ready`] if it is, for each worker
    /// that is there already, so that whoever counts them need not know how it began; what has
    /// come and gone before is not told. Up to 1,024 events wait for each stream; of one that
    /// does not keep up the oldest are lost, and [`Event::Lagged`] says how many. The stream ends
    /// with this node; a reload that succeeds replaces it too, and its successor's `main` hears how
    /// the reload ended.
    ///
    /// In a worker it brings nothing and does not end, as `accept` in a node that does not
    /// listen: `main` can be the same in every process.
    ///
    /// ```no_run
    /// use multi_node::{Event, Nodes};
    ///
    /// async fn watch(nodes: Nodes) {
    ///     let mut events = nodes.events();
    ///     while let Some(event) = events.recv().await {
    ///         match event {
    ///             Event::Exited { node, slot, status } => {
    ///                 eprintln!("node {node} of slot {slot} is gone: {status:?}");
    ///             }
    ///             Event::ReloadFailed { reason, .. } => eprintln!("not reloaded: {reason}"),
    ///             _ => {}
    ///         }
    ///     }
    /// }
    /// # let _ = watch;
    /// ```
    pub fn events(&self) -> Events {
        let (events, first) = self.0.events.subscribe();
        if first && self.0.is_master {
            self.0.control.say(&ToMaster::WantEvents);
        }
        events
    }
}

/// What happens to the program's processes: what [`Nodes::events`] returns, and a `Stream`.
pub struct Events(Arc<Shared>);

#[derive(Debug)]
struct Shared(Mutex<Queue>);

#[derive(Debug)]
struct Queue {
    backlog: Backlog,
    ended: bool,
    waker: Option<Waker>,
}

impl Events {
    /// The next event; `None` once the program is over.
    ///
    /// Cancel-safe: dropped before it is done, it took nothing.
    pub async fn recv(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
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

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_recv(cx)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Queue)) {
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

/// Everybody in this node who listens.
#[derive(Debug, Default)]
pub(super) struct Feed(Mutex<Listeners>);

#[derive(Debug, Default)]
struct Listeners {
    asked: bool,
    ended: bool,
    roster: Roster,
    listeners: Vec<Weak<Shared>>,
}

impl Feed {
    /// One more listener, and whether it is the first ever.
    fn subscribe(&self) -> (Events, bool) {
        let mut feed = self.lock();
        let mut backlog = Backlog::new(WAITING);
        feed.roster.events().for_each(|event| backlog.push(event));
        let queue = Queue { backlog, ended: feed.ended, waker: None };
        let shared = Arc::new(Shared(Mutex::new(queue)));
        feed.listeners.push(Arc::downgrade(&shared));
        let first = !std::mem::replace(&mut feed.asked, true);
        (Events(shared), first)
    }

    /// Passes `event` on to all who listen.
    pub(super) fn publish(&self, event: &Event) {
        let mut feed = self.lock();
        feed.roster.heard(event);
        feed.each(|queue| queue.backlog.push(event.clone()));
    }

    /// Nothing happens any more: supervision is over.
    pub(super) fn end(&self) {
        let mut feed = self.lock();
        feed.ended = true;
        feed.each(|queue| queue.ended = true);
    }

    fn lock(&self) -> MutexGuard<'_, Listeners> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listeners {
    fn each(&mut self, change: impl Fn(&mut Queue)) {
        self.listeners.retain(|listener| {
            listener.upgrade().map(|listener| listener.change(&change)).is_some()
        });
    }
}

#[cfg(test)]
mod tests;
