//! What policy noticed, as user code may hear of it, and the way to the master's own node, once it
//! asked.

use std::time::Duration;

use super::family::Family;
use super::notice;
use crate::config::{ExitStatus, NodeId};
use crate::event::Event;
use crate::policy::news::{Backlog, Roster};
use crate::policy::supervisor::{Cause, Notice, Who};

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

    /// Who was there before the program was replaced is there now.
    pub(super) fn resume(roster: Roster) -> Announcer {
        Announcer { roster, ..Announcer::new() }
    }

    pub(super) fn roster(&self) -> &Roster {
        &self.roster
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

/// `notice` as an event; `None` for what is supervision's own affair, or said by another notice.
pub(super) fn event(notice: &Notice, start_timeout: Duration) -> Option<Event> {
    Some(match notice {
        Notice::Spawned { who } => Event::Spawned {
            node: who.node,
            slot: who.slot.into(),
            generation: who.generation,
            pid: who.pid?,
        },
        Notice::BecameReady { who } => Event::Ready { node: who.node, slot: who.slot.into() },
        Notice::Died { who, cause, .. } | Notice::Left { who, cause } => exited(who, cause)?,
        Notice::Finished { who } => exited(who, &Cause::Exited(ExitStatus::Code(0)))?,
        Notice::Hung { who } => Event::Hung { node: who.node, slot: who.slot.into() },
        Notice::Retiring { who, why } => Event::Retiring {
            node: who.node,
            slot: who.slot.into(),
            reason: notice::limit(*why).to_owned(),
        },
        Notice::Scaled { nodes } => Event::Scaled { nodes: (*nodes).into() },
        Notice::Reloading { generation } => Event::ReloadStarted { generation: *generation },
        Notice::Reloaded { generation, took, .. } => {
            Event::ReloadFinished { generation: *generation, took: *took }
        }
        Notice::ReloadFailed { generation, failure } => Event::ReloadFailed {
            generation: *generation,
            reason: notice::why_failed(failure, start_timeout),
        },
        Notice::Stopping { .. } => Event::Stopping,
        Notice::Drains { .. }
        | Notice::DrainOverrun { .. }
        | Notice::AbortOverrun { .. }
        | Notice::NotReaped { .. }
        | Notice::Recovered { .. }
        | Notice::MasterCutOff
        | Notice::ScaleRefused { .. }
        | Notice::Starting { .. }
        | Notice::Replacing { .. }
        | Notice::ReplaceFailed { .. }
        | Notice::MasterNotReady { .. }
        | Notice::MasterFailed { .. }
        | Notice::RollingBack { .. }
        | Notice::RolledBack { .. } => return None,
    })
}

/// The end of a process; `None` while it is still to come.
fn exited(who: &Who, cause: &Cause) -> Option<Event> {
    let status = match cause {
        Cause::Exited(status) => Some(*status),
        Cause::SpawnFailed(_) => None,
        // Its end is noticed when it comes.
        Cause::NotReady | Cause::Hung | Cause::Drained => return None,
    };
    Some(Event::Exited { node: who.node, slot: who.slot.into(), status })
}
