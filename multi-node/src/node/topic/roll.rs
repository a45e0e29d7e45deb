//! Whom this node is linked to, what each of them has said, and who is not waited for any more.
//!
//! A subscription is in effect when whatever is published after it reaches it. Of two nodes, the
//! master tells the one that asked for links last when it has all those to nodes that asked before.
//! So that one is the one to wait:
//!
//! - The subscriber asked last: `subscribe` waits until this node has its links, and every linked
//!   node knows of the subscription.
//! - The publisher asked last: its first `publish` waits until this node has its links, and every
//!   linked node has told what it had subscribed to. From then on it is told before `subscribe`
//!   returns.
//!
//! A node that never asks is not linked and holds up nobody: it publishes nothing, or asks first. A
//! link that ends is waited for no more: the node at its other end is dead. A linked node that says
//! nothing, because it is stopped or stuck, is given up after [`PATIENCE`] of being waited for, and
//! waited for again once it speaks: what it publishes before it has caught up passes by what was
//! subscribed to meanwhile. The master is given up likewise.
//!
//! It has no clock, wakes nobody and knows of no topic.

use std::collections::HashMap;
use std::fmt;

use crate::config::NodeId;

/// Ticks after which who says nothing is not waited for any more.
pub(super) const PATIENCE: u32 = 10;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Roll {
    /// Who asked for links before this node did is among the nodes, or gone.
    all_linked: bool,
    /// Ticks since a link came.
    silent: u32,
    nodes: HashMap<NodeId, Linked>,
}

#[derive(Debug, Default)]
struct Linked {
    /// Up to when it knows of all subscriptions of this node.
    known: u64,
    /// It told what it has subscribed to.
    told: bool,
    /// Ticks since it said something.
    silent: u32,
}

/// Who is not waited for any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silent {
    Master,
    Node(NodeId),
}

impl Roll {
    /// There is a link to a node.
    pub(super) fn linked(&mut self, node: NodeId) {
        self.silent = 0;
        self.nodes.insert(node, Linked::default());
    }

    /// The link to a node has ended, or its channel of topics.
    pub(super) fn gone(&mut self, node: NodeId) {
        self.nodes.remove(&node);
    }

    /// The master gave links to all who asked before this node did.
    pub(super) fn all_linked(&mut self) {
        self.all_linked = true;
    }

    /// A node knows of all subscriptions of this one up to this time.
    pub(super) fn knows(&mut self, node: NodeId, time: u64) {
        if let Some(linked) = self.nodes.get_mut(&node) {
            linked.known = linked.known.max(time);
            linked.silent = 0;
        }
    }

    /// A node has told what it has subscribed to.
    pub(super) fn told(&mut self, node: NodeId) {
        if let Some(linked) = self.nodes.get_mut(&node) {
            linked.told = true;
            linked.silent = 0;
        }
    }

    /// Up to when the subscriptions of this node are in effect.
    pub(super) fn known(&self) -> u64 {
        if !self.has_links() {
            return 0;
        }
        self.awaited().map(|linked| linked.known).min().unwrap_or(u64::MAX)
    }

    /// Whether what this node publishes reaches the subscriptions that are in effect.
    pub(super) fn all_told(&self) -> bool {
        self.has_links() && self.awaited().all(|linked| linked.told)
    }

    /// Somebody has waited for a while, at the time `now`; who is given up.
    pub(super) fn tick(&mut self, now: u64) -> Vec<Silent> {
        let mut given_up = Vec::new();
        let mut count = |silent: &mut u32, who| {
            *silent = silent.saturating_add(1);
            if *silent == PATIENCE {
                given_up.push(who);
            }
        };
        if !self.all_linked {
            count(&mut self.silent, Silent::Master);
        }
        for (node, linked) in &mut self.nodes {
            if linked.told && linked.known >= now {
                linked.silent = 0;
            } else {
                count(&mut linked.silent, Silent::Node(*node));
            }
        }
        given_up
    }

    fn has_links(&self) -> bool {
        self.all_linked || self.silent >= PATIENCE
    }

    fn awaited(&self) -> impl Iterator<Item = &Linked> {
        self.nodes.values().filter(|linked| linked.silent < PATIENCE)
    }
}

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Silent::Master => write!(f, "the master"),
            Silent::Node(node) => write!(f, "node {node}"),
        }
    }
}

#[cfg(test)]
mod tests;
