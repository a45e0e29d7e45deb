//! A reload: a whole new generation beside the old one, then a switch, or nothing.
//!
//! Every slot that has not ended gets a successor in the next generation, also one that waits for
//! a respawn. The old workers drain only when every successor is ready; from then on the
//! successors are the slots' occupants, with no failures to their name.
//!
//! Until then the old generation is supervised as ever: who dies is respawned, unless the slot's
//! successor is ready already. A successor that is lost before the switch, whatever the cause,
//! fails the reload: those that are still starting are killed, those that are ready may be
//! serving requests, so they drain; the old generation goes on, and a slot that was left to its
//! successor is respawned.
//!
//! Reloads asked for meanwhile, or in the first start, become one that follows. A stop ends a
//! reload.

use std::collections::BTreeMap;

use super::event::{Cause, Notice, ReloadFailure, Who};
use super::slot::SlotState;
use super::worker::State;
use super::{Phase, Supervisor, Time};
use crate::config::{Generation, NodeId, Slot};

#[derive(Debug)]
pub(super) struct Reload {
    generation: Generation,
    since: Time,
    successors: BTreeMap<Slot, Successor>,
    /// Another one was asked for.
    again: bool,
}

#[derive(Debug, Clone, Copy)]
enum Successor {
    Running(NodeId),
    /// It computed what it had to before the switch.
    Finished,
}

impl Reload {
    pub(super) fn contains(&self, slot: Slot, worker: NodeId) -> bool {
        match self.successors.get(&slot) {
            Some(Successor::Running(node)) => *node == worker,
            Some(Successor::Finished) | None => false,
        }
    }
}

impl Supervisor {
    pub(super) fn reload_asked(&mut self, now: Time) {
        match &mut self.phase {
            Phase::FirstStart { reload_wanted } => *reload_wanted = true,
            Phase::Running => self.begin_reload(now),
            Phase::Reloading(reload) => reload.again = true,
            Phase::Stopping(_) | Phase::Finished => {}
        }
    }

    pub(super) fn begin_reload(&mut self, now: Time) {
        self.newest_generation += 1;
        let generation = self.newest_generation;
        let slots: Vec<Slot> = self
            .slots
            .iter()
            .filter(|(_, state)| !state.has_ended())
            .map(|(&slot, _)| slot)
            .collect();
        self.notice(Notice::Reloading { generation, workers: slots.len() });
        let successors = slots
            .into_iter()
            .map(|slot| (slot, Successor::Running(self.spawn(now, slot, generation))))
            .collect();
        self.phase = Phase::Reloading(Reload { generation, since: now, successors, again: false });
    }

    pub(super) fn reload_is_complete(&self) -> bool {
        match &self.phase {
            Phase::Reloading(reload) => reload.successors.values().all(|s| self.is_ready(*s)),
            Phase::FirstStart { .. } | Phase::Running | Phase::Stopping(_) | Phase::Finished => {
                false
            }
        }
    }

    pub(super) fn has_ready_successor(&self, slot: Slot) -> bool {
        match &self.phase {
            Phase::Reloading(reload) => {
                let successor = reload.successors.get(&slot);
                successor.is_some_and(|successor| self.is_ready(*successor))
            }
            Phase::FirstStart { .. } | Phase::Running | Phase::Stopping(_) | Phase::Finished => {
                false
            }
        }
    }

    fn is_ready(&self, successor: Successor) -> bool {
        match successor {
            Successor::Running(node) => self.workers.get(&node).is_some_and(|w| match w.state {
                State::Ready { .. } => true,
                State::Starting { .. } | State::Draining { .. } | State::Killed { .. } => false,
            }),
            Successor::Finished => true,
        }
    }

    /// Every successor is ready: they take their slots, and who was there drains.
    pub(super) fn switch_generation(&mut self, now: Time) {
        let Some(reload) = self.end_reload() else {
            return;
        };
        self.generation = reload.generation;
        self.notice(Notice::Reloaded {
            generation: reload.generation,
            workers: reload.successors.len(),
            took: now.saturating_sub(reload.since),
        });
        for (slot, successor) in reload.successors {
            let state = match successor {
                Successor::Running(node) => SlotState::Occupied { node, failures: 0 },
                Successor::Finished => SlotState::Ended,
            };
            let before = self.slots.insert(slot, state);
            if let Some(node) = before.and_then(|state| state.occupant()) {
                self.drain(now, node);
            }
        }
        if reload.again {
            self.begin_reload(now);
        }
    }

    /// The successor of `slot` finished its work before the switch.
    pub(super) fn successor_finished(&mut self, slot: Slot) {
        if let Phase::Reloading(reload) = &mut self.phase {
            reload.successors.insert(slot, Successor::Finished);
        }
    }

    /// A successor is lost: the others go, and the old generation goes on.
    pub(super) fn fail_reload(&mut self, now: Time, who: Who, cause: Cause) {
        let Some(reload) = self.end_reload() else {
            return;
        };
        self.notice(Notice::ReloadFailed {
            generation: reload.generation,
            failure: ReloadFailure::Lost { who, cause },
        });
        for successor in reload.successors.into_values() {
            match successor {
                Successor::Running(node) => self.dismiss_successor(now, node),
                Successor::Finished => {}
            }
        }
        for state in self.slots.values_mut() {
            if let SlotState::Covered { failures } = *state {
                let until = now.saturating_add(self.backoff.wait(failures));
                *state = SlotState::Backoff { until, failures };
            }
        }
        if reload.again {
            self.begin_reload(now);
        }
    }

    fn dismiss_successor(&mut self, now: Time, node: NodeId) {
        let Some(worker) = self.workers.get(&node) else {
            return;
        };
        match worker.state {
            State::Starting { .. } => self.kill(now, node),
            State::Ready { .. } => self.drain(now, node),
            State::Draining { .. } | State::Killed { .. } => {}
        }
    }

    /// The program stops: the reload in flight, if there is one, comes to nothing.
    pub(super) fn abandon_reload(&mut self) {
        if let Some(reload) = self.end_reload() {
            self.notice(Notice::ReloadFailed {
                generation: reload.generation,
                failure: ReloadFailure::Stopping,
            });
        }
    }

    fn end_reload(&mut self) -> Option<Reload> {
        match std::mem::replace(&mut self.phase, Phase::Running) {
            Phase::Reloading(reload) => Some(reload),
            other @ (Phase::FirstStart { .. }
            | Phase::Running
            | Phase::Stopping(_)
            | Phase::Finished) => {
                self.phase = other;
                None
            }
        }
    }
}
