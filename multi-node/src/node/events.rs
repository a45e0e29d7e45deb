//! The program's events, for whoever listens in the master: passes on what supervision says.

use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;

use super::Nodes;
use super::feed::{Subscribers, Subscription};
use crate::event::Event;
use crate::link::control::ToMaster;
use crate::policy::news::Roster;

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
pub struct Events(Subscription<Event>);

impl Events {
    /// The next event; `None` once the program is over.
    ///
    /// Cancel-safe: dropped before it is done, it took nothing.
    pub async fn recv(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.0.poll_recv(cx)).await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.0.poll_recv(cx)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

/// Everybody in this node who listens.
#[derive(Debug, Default)]
pub(super) struct Feed(Mutex<Listeners>);

#[derive(Debug, Default)]
struct Listeners {
    asked: bool,
    roster: Roster,
    subscribers: Subscribers<Event>,
}

impl Feed {
    /// One more listener, and whether it is the first ever.
    fn subscribe(&self) -> (Events, bool) {
        let Listeners { asked, roster, subscribers } = &mut *self.lock();
        let events = subscribers.subscribe(roster.events());
        (Events(events), !std::mem::replace(asked, true))
    }

    /// Passes `event` on to all who listen.
    pub(super) fn publish(&self, event: &Event) {
        let mut feed = self.lock();
        feed.roster.heard(event);
        feed.subscribers.publish(event);
    }

    /// Nothing happens any more: supervision is over.
    pub(super) fn end(&self) {
        self.lock().subscribers.end();
    }

    fn lock(&self) -> MutexGuard<'_, Listeners> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
