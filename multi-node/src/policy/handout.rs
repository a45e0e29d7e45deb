//! When to send which fds: a window on what is in flight.
//!
//! Until its receiver takes it off the socket, the kernel counts an fd in flight against the
//! sender's RLIMIT_NOFILE. So parcels of fds queue here and leave as others are acknowledged. It
//! holds the parcels and never looks into them; it sends nothing.
//!
//! - Parcels to one node leave in the order in which they were pushed; nodes take turns.
//! - No node has more in flight than stays free for the others once its parcel has left. So one
//!   receiver that has stopped keeps at most half the window, two keep at most three quarters: the
//!   others get slower, and are not held up for ever, as long as parcels are small beside the
//!   window (an eighth of it: two stopped receivers do no harm).
//! - A parcel too large for that rule leaves when nothing at all is in flight, even if it is
//!   larger than the window. One without fds leaves at once, in its order.
//! - A parcel that goes alone has no fds, and leaves when nothing is in flight to its node. So of
//!   these a node that has stopped has one in its socket at most, however many there are.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::config::NodeId;

/// Parcels on their way to nodes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Handout<T> {
    window: usize,
    in_flight: usize,
    lanes: BTreeMap<NodeId, Lane<T>>,
    /// The nodes for which something is queued, the next to have its turn first.
    turns: VecDeque<NodeId>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Lane<T> {
    in_flight: usize,
    queue: VecDeque<(Need, T)>,
}

/// What must be so for a parcel to leave.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Need {
    /// There is room for so many fds.
    Fds(usize),
    /// Nothing is in flight to its node. In flight it counts as one fd.
    Alone,
}

impl<T> Handout<T> {
    /// Nothing queued; at most `window` fds are to be in flight.
    pub(crate) fn new(window: u16) -> Self {
        Handout {
            window: usize::from(window),
            in_flight: 0,
            lanes: BTreeMap::new(),
            turns: VecDeque::new(),
        }
    }

    /// Queues a parcel with so many fds. To a node that is gone nothing may be pushed.
    pub(crate) fn push(&mut self, node: NodeId, fds: u16, parcel: T) {
        self.queue(node, Need::Fds(fds.into()), parcel);
    }

    /// Queues a parcel that goes alone.
    pub(crate) fn push_alone(&mut self, node: NodeId, parcel: T) {
        self.queue(node, Need::Alone, parcel);
    }

    fn queue(&mut self, node: NodeId, need: Need, parcel: T) {
        let lane =
            self.lanes.entry(node).or_insert_with(|| Lane { in_flight: 0, queue: VecDeque::new() });
        if lane.queue.is_empty() {
            self.turns.push_back(node);
        }
        lane.queue.push_back((need, parcel));
    }

    /// The parcel that was queued last for `node`, if it has not left.
    pub(crate) fn last_mut(&mut self, node: NodeId) -> Option<&mut T> {
        let (_, parcel) = self.lanes.get_mut(&node)?.queue.back_mut()?;
        Some(parcel)
    }

    /// `node` took so many fds off its socket, or one parcel that goes alone. What it never got
    /// does not count.
    pub(crate) fn received(&mut self, node: NodeId, fds: u16) {
        if let Some(lane) = self.lanes.get_mut(&node) {
            let landed = lane.in_flight.min(usize::from(fds));
            lane.in_flight -= landed;
            self.in_flight -= landed;
        }
    }

    /// `node` is gone: the kernel has closed what it had in flight; what was queued comes back.
    pub(crate) fn gone(&mut self, node: NodeId) -> Vec<T> {
        let Some(lane) = self.lanes.remove(&node) else {
            return Vec::new();
        };
        self.in_flight -= lane.in_flight;
        self.turns.retain(|turn| *turn != node);
        lane.queue.into_iter().map(|(_, parcel)| parcel).collect()
    }

    /// The next parcel to send now. It counts as in flight from here on.
    pub(crate) fn poll(&mut self) -> Option<(NodeId, T)> {
        for _ in 0..self.turns.len() {
            let node = self.turns.pop_front()?;
            let parcel = self.next_for(node);
            if self.lanes.get(&node).is_some_and(|lane| !lane.queue.is_empty()) {
                self.turns.push_back(node);
            }
            if let Some(parcel) = parcel {
                return Some((node, parcel));
            }
        }
        None
    }

    /// The same with every parcel made into something else, in the order in which they would
    /// leave one node's queue.
    ///
    /// # Errors
    /// The first that `make` gives.
    pub(crate) fn try_map<'a, U, E>(
        &'a self,
        mut make: impl FnMut(&'a T) -> Result<U, E>,
    ) -> Result<Handout<U>, E> {
        let mut lanes = BTreeMap::new();
        for (node, lane) in &self.lanes {
            let made = lane.queue.iter().map(|(need, parcel)| Ok((*need, make(parcel)?)));
            let queue = made.collect::<Result<_, E>>()?;
            lanes.insert(*node, Lane { in_flight: lane.in_flight, queue });
        }
        let Handout { window, in_flight, ref turns, .. } = *self;
        Ok(Handout { window, in_flight, lanes, turns: turns.clone() })
    }

    fn next_for(&mut self, node: NodeId) -> Option<T> {
        let lane = self.lanes.get_mut(&node)?;
        let weight = match lane.queue.front()?.0 {
            Need::Alone if lane.in_flight > 0 => return None,
            Need::Alone => 1,
            Need::Fds(fds) => {
                let free_after = self.window.checked_sub(self.in_flight + fds);
                let fits = free_after.is_some_and(|free| lane.in_flight + fds <= free);
                if !fits && fds > 0 && self.in_flight > 0 {
                    return None;
                }
                fds
            }
        };
        let (_, parcel) = lane.queue.pop_front()?;
        lane.in_flight += weight;
        self.in_flight += weight;
        Some(parcel)
    }
}

#[cfg(test)]
mod tests;
