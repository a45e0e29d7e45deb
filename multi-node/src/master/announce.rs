//! Tells the master's own node, once it asked, what happens to the program's processes.

use super::family::Family;
use crate::config::NodeId;
use crate::event::Event;
use crate::policy::news::{Backlog, Roster};

/// Events that may wait for the master's own node: what 256 workers and their successors say of
/// themselves in a reload.
const WAITING: usize = 2048;

/// What happened, and who is told.
#[derive(Debug)]
pub(super) struct Announcer {
    roster: Roster,
    /// The node that asked, and what it has not been told yet.
    listener: Option<(NodeId, Backlog)>,
    /// The event that its socket had no room for.
    held_up: Option<Event>,
}

impl Announcer {
    pub(super) fn new() -> Announcer {
        Announcer { roster: Roster::default(), listener: None, held_up: None }
    }

    /// `node` wants to hear of it: first of those who are there.
    pub(super) fn wants(&mut self, node: NodeId) {
        let mut backlog = Backlog::new(WAITING);
        self.roster.events().for_each(|event| backlog.push(event));
        self.listener = Some((node, backlog));
        self.held_up = None;
    }

    pub(super) fn announce(&mut self, event: Event) {
        self.roster.heard(&event);
        if let Some((_, backlog)) = &mut self.listener {
            backlog.push(event);
        }
    }

    /// Sends what the listener's socket has room for; whether that was all.
    pub(super) fn send(&mut self, family: &Family) -> bool {
        let Some((node, backlog)) = &mut self.listener else {
            return true;
        };
        while let Some(event) = self.held_up.take().or_else(|| backlog.pop()) {
            if !family.tell_event(*node, &event) {
                self.held_up = Some(event);
                return false;
            }
        }
        true
    }
}
