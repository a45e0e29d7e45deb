//! Which nodes are to be linked: every two that both asked for the same kind, once.
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

/// The nodes that may be linked, and who asked for what.
///
/// A node that drains keeps the links it has and gets no new ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "K: Ord + Deserialize<'de>"))]
pub(crate) struct Mesh<K> {
    open: BTreeSet<NodeId>,
    wanting: BTreeMap<K, BTreeSet<NodeId>>,
    pairs: VecDeque<Pair<K>>,
}

impl<K: Copy + Ord> Mesh<K> {
    pub(crate) fn new() -> Self {
        Mesh { open: BTreeSet::new(), wanting: BTreeMap::new(), pairs: VecDeque::new() }
    }

    /// A node is there, and may be linked as soon as it asks.
    pub(crate) fn joined(&mut self, node: NodeId) {
        self.open.insert(node);
    }

    /// `node` asks for a link of this kind to every other node that asks too, those there and
    /// those to come. Asking twice changes nothing, nor does a node that is not there or drains.
    pub(crate) fn wants(&mut self, node: NodeId, kind: K) {
        if !self.open.contains(&node) {
            return;
        }
        let wanting = self.wanting.entry(kind).or_default();
        if !wanting.insert(node) {
            return;
        }
        let others = wanting.iter().filter(|other| **other != node);
        self.pairs.extend(others.map(|&other| Pair {
            a: node.min(other),
            b: node.max(other),
            kind,
        }));
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

    /// The next two nodes to link.
    pub(crate) fn poll(&mut self) -> Option<Pair<K>> {
        while let Some(pair) = self.pairs.pop_front() {
            if self.open.contains(&pair.a) && self.open.contains(&pair.b) {
                return Some(pair);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
