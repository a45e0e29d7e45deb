//! Who is there: every node of the program that lives, as this one knows.
//!
//! The master says who came and how who left. This module has a departure wait until the link to
//! that node has ended, so that all that came from it was given to the handlers' channels before.
//! It knows nothing of sockets and asks nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;

use super::Nodes;
use super::feed::{Subscribers, Subscription};
use crate::config::NodeId;
use crate::event::{Departure, MembershipEvent};

impl Nodes {
    /// The nodes that are there, this one included, in ascending order.
    ///
    /// A node is there from the start of its process to its end, whether it is ready, drains, or
    /// never asked for messages. `Nodes::peers` says who can be sent a message of some type.
    ///
    /// ```no_run
    /// use multi_node::Nodes;
    ///
    /// /// Whose key it is: every node comes to the same answer once all have heard of a change.
    /// fn owner(nodes: &Nodes, key: u64) -> multi_node::NodeId {
    ///     let members = nodes.members();
    ///     members[(key % members.len() as u64) as usize]
    /// }
    /// # let _ = owner;
    /// ```
    pub fn members(&self) -> Vec<NodeId> {
        self.0.hub.members().all()
    }

    /// Who comes and goes from now on, after a [`MembershipEvent::Joined`] for each node that is
    /// there already, this one included, in ascending order.
    ///
    /// It keeps its place among the messages: a node's `Joined` is here before its first message
    /// can be received, and its `Left` after all that came from it was given to the handlers'
    /// channels, and this node's [`members`](Nodes::members) agrees with it. How nodes relate to
    /// each other is not ordered: of two that die at once every other node may hear in its own
    /// order.
    ///
    /// Up to 1,024 events wait for each stream; of one that does not keep up the oldest are lost,
    /// and [`MembershipEvent::Lagged`] says how many. The stream ends when the master is gone: then
    /// nobody knows any more, and this node drains.
    ///
    /// ```no_run
    /// use multi_node::{Departure, MembershipEvent, Nodes};
    ///
    /// async fn watch(nodes: Nodes) {
    ///     let mut membership = nodes.membership();
    ///     while let Some(event) = membership.recv().await {
    ///         match event {
    ///             MembershipEvent::Joined(node) => println!("node {node} is there"),
    ///             MembershipEvent::Left { node, why: Departure::Drained } => {
    ///                 println!("node {node} has handed over what it had");
    ///             }
    ///             MembershipEvent::Left { node, why } => println!("node {node} is lost: {why:?}"),
    ///             _ => println!("there are {:?}", nodes.members()),
    ///         }
    ///     }
    /// }
    /// # let _ = watch;
    /// ```
    pub fn membership(&self) -> Membership {
        self.0.hub.members().subscribe()
    }
}

/// Who comes and goes: what [`Nodes::membership`] returns, and a `Stream`.
pub struct Membership(Subscription<MembershipEvent>);

impl Membership {
    /// The next event; `None` once the master is gone.
    ///
    /// Cancel-safe: dropped before it is done, it took nothing.
    pub async fn recv(&mut self) -> Option<MembershipEvent> {
        std::future::poll_fn(|cx| self.0.poll_recv(cx)).await
    }
}

impl Stream for Membership {
    type Item = MembershipEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<MembershipEvent>> {
        self.0.poll_recv(cx)
    }
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership").finish_non_exhaustive()
    }
}

/// What this node knows of who is there. See the module.
#[derive(Debug)]
pub(super) struct Members(Mutex<Known>);

#[derive(Debug)]
struct Known {
    there: BTreeSet<NodeId>,
    /// Those to which there is a link of messages.
    linked: BTreeSet<NodeId>,
    /// Those whose process has ended, and whose link has not yet.
    leaving: BTreeMap<NodeId, Departure>,
    subscribers: Subscribers<MembershipEvent>,
}

impl Members {
    /// Only this node itself.
    pub(super) fn new(me: NodeId) -> Self {
        Members(Mutex::new(Known {
            there: BTreeSet::from([me]),
            linked: BTreeSet::new(),
            leaving: BTreeMap::new(),
            subscribers: Subscribers::default(),
        }))
    }

    /// The master says that a node came or went. Who is known to be there, or not to be, may be
    /// said to be so again.
    pub(super) fn heard(&self, event: &MembershipEvent) {
        let mut known = self.lock();
        match *event {
            MembershipEvent::Joined(node) => known.join(node),
            MembershipEvent::Left { node, why } if known.linked.contains(&node) => {
                known.leaving.entry(node).or_insert(why);
            }
            MembershipEvent::Left { node, why } => known.leave(node, why),
            // Nobody but a listener of this node's is told that it lags.
            MembershipEvent::Lagged { .. } => {}
        }
    }

    /// There is a link of messages to a node.
    pub(super) fn linked(&self, node: NodeId) {
        self.lock().linked.insert(node);
    }

    /// That link has ended, and all that came through it was given to the channels.
    pub(super) fn unlinked(&self, node: NodeId) {
        let mut known = self.lock();
        known.linked.remove(&node);
        if let Some(why) = known.leaving.remove(&node) {
            known.leave(node, why);
        }
    }

    /// The master is gone: nobody will say any more who comes and goes.
    pub(super) fn end(&self) {
        self.lock().subscribers.end();
    }

    pub(super) fn all(&self) -> Vec<NodeId> {
        self.lock().there.iter().copied().collect()
    }

    pub(super) fn subscribe(&self) -> Membership {
        let Known { there, subscribers, .. } = &mut *self.lock();
        let first = there.iter().copied().map(MembershipEvent::Joined);
        Membership(subscribers.subscribe(first))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn join(&mut self, node: NodeId) {
        if self.there.insert(node) {
            self.subscribers.publish(&MembershipEvent::Joined(node));
        }
    }

    fn leave(&mut self, node: NodeId, why: Departure) {
        if self.there.remove(&node) {
            self.subscribers.publish(&MembershipEvent::Left { node, why });
        }
    }
}

#[cfg(test)]
mod tests;
