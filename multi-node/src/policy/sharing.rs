//! Who makes bytes that all nodes share, and who waits for them: of those that ask for a name the
//! first makes it, once, unless it fails or ends before that is done.
//!
//! It holds no bytes, and never takes back what is there: the name's bytes last as long as the
//! program.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::config::NodeId;

/// The most names there may be.
const MAX_NAMES: usize = 1_024;

/// What is to be done about a node that asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is to make them.
    Make,
    /// Somebody else does.
    Wait,
    /// They are there.
    Give,
    /// There are too many names.
    Refuse,
}

/// All names that were asked for. See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sharing(BTreeMap<String, Share>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Share {
    /// The first of them makes the bytes; none of them is in it twice, and one there always is.
    Awaited(VecDeque<NodeId>),
    There,
}

impl Sharing {
    /// `node` wants what has this name.
    pub(crate) fn asked(&mut self, node: NodeId, name: &str) -> Answer {
        let full = self.0.len() >= MAX_NAMES;
        match self.0.get_mut(name) {
            Some(Share::There) => Answer::Give,
            Some(Share::Awaited(nodes)) => {
                if !nodes.contains(&node) {
                    nodes.push_back(node);
                }
                if nodes.front() == Some(&node) { Answer::Make } else { Answer::Wait }
            }
            None if full => Answer::Refuse,
            None => {
                self.0.insert(name.to_owned(), Share::Awaited(VecDeque::from([node])));
                Answer::Make
            }
        }
    }

    /// `node` made it: those that it is to be given to, itself among them. `None` when that was
    /// not its to do.
    pub(crate) fn made(&mut self, node: NodeId, name: &str) -> Option<VecDeque<NodeId>> {
        let share = self.0.get_mut(name)?;
        match share {
            Share::Awaited(nodes) if nodes.front() == Some(&node) => {
                let waiting = std::mem::take(nodes);
                *share = Share::There;
                Some(waiting)
            }
            Share::Awaited(_) | Share::There => None,
        }
    }

    /// `node` does not want it any more, since it failed to make it: whose turn it is then.
    pub(crate) fn failed(&mut self, node: NodeId, name: &str) -> Option<NodeId> {
        let Some(Share::Awaited(nodes)) = self.0.get_mut(name) else { return None };
        let maker = nodes.front().copied();
        nodes.retain(|waiting| *waiting != node);
        let next = nodes.front().copied();
        if next.is_none() {
            self.0.remove(name);
        }
        next.filter(|_| maker != next)
    }

    /// `node` has ended: what others are to make in its place.
    pub(crate) fn left(&mut self, node: NodeId) -> Vec<(String, NodeId)> {
        let names: Vec<String> = self.0.keys().cloned().collect();
        let next = |name: String| self.failed(node, &name).map(|next| (name, next));
        names.into_iter().filter_map(next).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId(0);
    const B: NodeId = NodeId(1);
    const C: NodeId = NodeId(2);

    #[test]
    fn the_first_makes_it_and_the_others_wait_for_it() {
        let mut sharing = Sharing::default();
        assert_eq!(sharing.asked(A, "model"), Answer::Make);
        assert_eq!(sharing.asked(B, "model"), Answer::Wait);
        assert_eq!(sharing.asked(B, "other"), Answer::Make);
        assert_eq!(sharing.made(B, "model"), None, "it was not told to");
        assert_eq!(sharing.made(A, "model").unwrap(), [A, B]);
        assert_eq!(sharing.made(A, "model"), None, "once");
        assert_eq!(sharing.asked(C, "model"), Answer::Give);
    }

    #[test]
    fn when_the_maker_fails_or_ends_the_next_one_makes_it() {
        let mut sharing = Sharing::default();
        for node in [A, B, C] {
            sharing.asked(node, "model");
        }
        assert_eq!(sharing.failed(A, "model"), Some(B));
        assert_eq!(sharing.left(C), [], "it only waited");
        assert_eq!(sharing.asked(A, "model"), Answer::Wait);
        assert_eq!(sharing.left(B), [("model".to_owned(), A)]);
        assert_eq!(sharing.failed(A, "model"), None);
        assert_eq!(sharing, Sharing::default(), "nobody wants it");
        assert_eq!(sharing.failed(A, "model"), None);
    }

    #[test]
    fn what_is_there_outlives_who_made_it() {
        let mut sharing = Sharing::default();
        sharing.asked(A, "model");
        sharing.made(A, "model");
        assert_eq!(sharing.left(A), []);
        assert_eq!(sharing.failed(B, "model"), None);
        assert_eq!(sharing.asked(B, "model"), Answer::Give);
    }

    #[test]
    fn names_have_a_bound() {
        let mut sharing = Sharing::default();
        for number in 0..MAX_NAMES {
            assert_eq!(sharing.asked(A, &number.to_string()), Answer::Make);
        }
        assert_eq!(sharing.asked(A, "one more"), Answer::Refuse);
        assert_eq!(sharing.asked(B, "0"), Answer::Wait);
    }
}
