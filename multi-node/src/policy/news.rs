//! Which events whoever listens is told: those of the workers already there, then what happens,
//! and how many were lost on a listener that does not keep up.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::config::NodeId;
use crate::event::{Event, MembershipEvent};

/// The nodes of which one was told and that are not gone yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Roster(BTreeMap<NodeId, Known>);

/// The events that brought a node to where it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    spawned: Option<Event>,
    ready: Option<Event>,
}

impl Roster {
    /// Takes note of `event`.
    pub(crate) fn heard(&mut self, event: &Event) {
        match event {
            Event::Spawned { node, .. } => {
                self.0.entry(*node).or_default().spawned = Some(event.clone());
            }
            Event::Ready { node, .. } => {
                self.0.entry(*node).or_default().ready = Some(event.clone());
            }
            Event::Exited { node, .. } => {
                self.0.remove(node);
            }
            Event::Hung { .. }
            | Event::Retiring { .. }
            | Event::ReloadStarted { .. }
            | Event::ReloadFinished { .. }
            | Event::ReloadFailed { .. }
            | Event::Scaled { .. }
            | Event::Stopping
            | Event::Lagged { .. } => {}
        }
    }

    /// The events that tell of the nodes there are, by node.
    pub(crate) fn events(&self) -> impl Iterator<Item = Event> + '_ {
        self.0.values().flat_map(|known| [&known.spawned, &known.ready]).flatten().cloned()
    }
}

/// What a listener is told of what it missed.
pub(crate) trait Lagged {
    fn lagged(missed: u64) -> Self;
}

impl Lagged for Event {
    fn lagged(missed: u64) -> Event {
        Event::Lagged { missed }
    }
}

impl Lagged for MembershipEvent {
    fn lagged(missed: u64) -> MembershipEvent {
        MembershipEvent::Lagged { missed }
    }
}

/// What one listener has not heard yet: the latest events, so many at most.
#[derive(Debug)]
pub(crate) struct Backlog<E = Event> {
    events: VecDeque<E>,
    most: usize,
    missed: u64,
}

impl<E: Lagged> Backlog<E> {
    pub(crate) fn new(most: usize) -> Backlog<E> {
        Backlog { events: VecDeque::new(), most, missed: 0 }
    }

    /// Puts `event` last; the oldest is lost when there is no room.
    pub(crate) fn push(&mut self, event: E) {
        if self.events.len() == self.most {
            self.missed += 1;
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// What comes next: first of all, that something was lost.
    pub(crate) fn pop(&mut self) -> Option<E> {
        match std::mem::take(&mut self.missed) {
            0 => self.events.pop_front(),
            missed => Some(E::lagged(missed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Backlog, Roster};
    use crate::config::{ExitStatus, NodeId};
    use crate::event::Event;

    fn spawned(node: u64) -> Event {
        Event::Spawned { node: NodeId(node), slot: 1, generation: 0, pid: 40 }
    }

    fn ready(node: u64) -> Event {
        Event::Ready { node: NodeId(node), slot: 1 }
    }

    fn exited(node: u64) -> Event {
        Event::Exited { node: NodeId(node), slot: 1, status: Some(ExitStatus::Code(0)) }
    }

    fn scaled(nodes: usize) -> Event {
        Event::Scaled { nodes }
    }

    #[test]
    fn the_roster_tells_of_who_is_there_and_not_of_who_is_gone() {
        let mut roster = Roster::default();
        for event in [spawned(1), spawned(2), ready(2), exited(1), spawned(3), Event::Stopping] {
            roster.heard(&event);
        }
        assert_eq!(Vec::from_iter(roster.events()), [spawned(2), ready(2), spawned(3)]);
    }

    #[test]
    fn who_hears_the_rosters_events_has_the_same_roster() {
        let mut roster = Roster::default();
        for event in [spawned(1), spawned(2), ready(2)] {
            roster.heard(&event);
        }
        let mut other = Roster::default();
        roster.events().for_each(|event| other.heard(&event));
        assert_eq!(other, roster);
    }

    #[test]
    fn a_backlog_gives_out_what_it_took_in_that_order() {
        let mut backlog = Backlog::new(2);
        backlog.push(scaled(1));
        backlog.push(scaled(2));
        assert_eq!(backlog.pop(), Some(scaled(1)));
        backlog.push(scaled(3));
        assert_eq!(backlog.pop(), Some(scaled(2)));
        assert_eq!(backlog.pop(), Some(scaled(3)));
        assert_eq!(backlog.pop(), None);
    }

    #[test]
    fn a_full_backlog_loses_the_oldest_and_says_how_many_where_they_stood() {
        let mut backlog = Backlog::new(2);
        (1..=5).for_each(|nodes| backlog.push(scaled(nodes)));
        assert_eq!(backlog.pop(), Some(Event::Lagged { missed: 3 }));
        assert_eq!(backlog.pop(), Some(scaled(4)));
        (6..=7).for_each(|nodes| backlog.push(scaled(nodes)));
        assert_eq!(backlog.pop(), Some(Event::Lagged { missed: 1 }));
        assert_eq!(backlog.pop(), Some(scaled(6)));
        assert_eq!(backlog.pop(), Some(scaled(7)));
        assert_eq!(backlog.pop(), None);
    }
}
