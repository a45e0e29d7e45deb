//! Which nodes are to be linked: every two that both asked for the same kind, once; and when a node
//! has been linked to all that asked before it did, so that of any two one knows of the other.
//!
//! It knows nothing of links, sockets or what a kind means, and never takes a pair back: a link
//! ends by itself when one of its nodes does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::config::NodeId;

/// Two nodes to be linked; `a` is the older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pair<K> {
    pub(crate) a: NodeId,
    pub(crate) b: NodeId,
    pub(crate) kind: K,
}

/// What is to be done, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step<K> {
    Link(Pair<K>),
    /// This node is to be told that it has been given a link to every node that asked before it did.
    Linked {
        node: NodeId,
        kind: K,
    },
}

/// The nodes that may be linked, and who asked for what.
///
/// A node that drains keeps the links it has and gets no new ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "K: Ord + Deserialize<'de>"))]
pub(crate) struct Mesh<K> {
    open: BTreeSet<NodeId>,
    wanting: BTreeMap<K, BTreeSet<NodeId>>,
    steps: VecDeque<Step<K>>,
}

impl<K: Copy + Ord> Mesh<K> {
    pub(crate) fn new() -> Self {
        Mesh { open: BTreeSet::new(), wanting: BTreeMap::new(), steps: VecDeque::new() }
    }

    /// A node is there, and may be linked as soon as it asks.
    pub(crate) fn joined(&mut self, node: NodeId) {
        self.open.insert(node);
    }

    /// `node` asks for a link of this kind to every other node that asks too, those there and
    /// those to come. Asking twice changes nothing; a node that is not there or drains is linked
    /// to nobody, and told so.
    pub(crate) fn wants(&mut self, node: NodeId, kind: K) {
        if self.open.contains(&node) {
            let wanting = self.wanting.entry(kind).or_default();
            if !wanting.insert(node) {
                return;
            }
            let others = wanting.iter().filter(|other| **other != node);
            self.steps.extend(
                others.map(|&other| {
                    Step::Link(Pair { a: node.min(other), b: node.max(other), kind })
                }),
            );
        }
        self.steps.push_back(Step::Linked { node, kind });
    }

    /// `node` drains: it is in no pair from now on.
    pub(crate) fn draining(&mut self, node: NodeId) {
        self.left(node);
    }

    /// `node` is gone: it is in no pair from now on.
    pub(crate) fn left(&mut self, node: NodeId) {
        self.open.remove(&node);
        for wanting in self.wanting.values_mut() {
            wanting.remove(&node);
        }
    }

    /// What is to be done next.
    pub(crate) fn poll(&mut self) -> Option<Step<K>> {
        while let Some(step) = self.steps.pop_front() {
            let stands = match &step {
                Step::Link(Pair { a, b, .. }) => self.open.contains(a) && self.open.contains(b),
                Step::Linked { .. } => true,
            };
            if stands {
                return Some(step);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
