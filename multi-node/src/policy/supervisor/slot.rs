//! One slot: who is in it, and what comes into it next.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::{Cause, Next};
use super::master::MASTER_SLOT;
use super::worker::{State, Worker};
use super::{HEALTHY, Phase, SETTLED, Supervisor, Time};
use crate::config::{NodeId, Slot};

/// `failures` counts the deaths in a row.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum SlotState {
    Occupied {
        node: NodeId,
        failures: u32,
    },
    /// A successor comes at `until`.
    Backoff {
        until: Time,
        failures: u32,
    },
    /// Lost in the first start; a successor comes when another slot's worker is ready.
    Held {
        failures: u32,
    },
    /// Lost in a reload whose successor for this slot is ready already.
    Covered {
        failures: u32,
    },
    /// Nothing is respawned here any more.
    Ended,
}

impl SlotState {
    pub(super) fn due(&self) -> Option<Time> {
        match *self {
            SlotState::Backoff { until, .. } => Some(until),
            SlotState::Occupied { .. }
            | SlotState::Held { .. }
            | SlotState::Covered { .. }
            | SlotState::Ended => None,
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        match self {
            SlotState::Ended => true,
            SlotState::Occupied { .. }
            | SlotState::Backoff { .. }
            | SlotState::Held { .. }
            | SlotState::Covered { .. } => false,
        }
    }

    pub(super) fn occupant(&self) -> Option<NodeId> {
        match *self {
            SlotState::Occupied { node, .. } => Some(node),
            SlotState::Backoff { .. }
            | SlotState::Held { .. }
            | SlotState::Covered { .. }
            | SlotState::Ended => None,
        }
    }
}

impl Supervisor {
    pub(super) fn is_occupant(&self, worker: &Worker) -> bool {
        self.failures_of_occupant(worker.slot, worker.node).is_some()
    }

    pub(super) fn failures_of_occupant(&self, slot: Slot, worker: NodeId) -> Option<u32> {
        match *self.slots.get(&slot)? {
            SlotState::Occupied { node, failures } => (node == worker).then_some(failures),
            SlotState::Backoff { .. }
            | SlotState::Held { .. }
            | SlotState::Covered { .. }
            | SlotState::Ended => None,
        }
    }

    pub(super) fn end_slot(&mut self, slot: Slot) {
        self.slots.insert(slot, SlotState::Ended);
    }

    /// Decides what follows the occupant of a slot, which is lost.
    pub(super) fn vacate(
        &mut self,
        now: Time,
        worker: Worker,
        failures: u32,
        cause: &Cause,
    ) -> Next {
        let (failures, wait) = self.weigh(now, worker.state, failures, cause);
        if !self.reload_starts()
            && let Some(node) = self.take_successor(worker.slot)
        {
            self.slots.insert(worker.slot, SlotState::Occupied { node, failures });
            return Next::Replaced;
        }
        // What a failed reload put there is replaced whatever the rules say.
        let respawns = self.rules.restart_children || worker.generation != self.generation;
        let (state, next) = match self.phase {
            Phase::Stopping(_) | Phase::Finished => (SlotState::Ended, Next::Stopping),
            Phase::FirstStart | Phase::Running | Phase::Reloading(_) if !respawns => {
                (SlotState::Ended, Next::RestartOff)
            }
            Phase::FirstStart => (SlotState::Held { failures }, Next::Waits),
            Phase::Reloading(_) if self.has_ready_successor(worker.slot) => {
                (SlotState::Covered { failures }, Next::Replaced)
            }
            Phase::Running | Phase::Reloading(_) => {
                let until = now.saturating_add(wait);
                (SlotState::Backoff { until, failures }, Next::Respawn { after: wait })
            }
        };
        if next == Next::RestartOff && worker.slot == MASTER_SLOT {
            // The place is the master's, and who stood in for it was not to stay.
            self.slots.remove(&worker.slot);
        } else {
            self.slots.insert(worker.slot, state);
        }
        if self.never_started() { Next::GivingUp } else { next }
    }

    /// The failures in a row once this loss is counted, and the wait that they cost.
    fn weigh(&mut self, now: Time, state: State, failures: u32, cause: &Cause) -> (u32, Duration) {
        let ready_for = match state {
            State::Ready { since } => now.saturating_sub(since),
            State::Starting { .. }
            | State::Draining { .. }
            | State::Aborted { .. }
            | State::Killed { .. } => Duration::ZERO,
        };
        let before = if ready_for >= HEALTHY { 0 } else { failures };
        if *cause == Cause::Drained && ready_for >= SETTLED {
            return (before, Duration::ZERO);
        }
        let failures = before.saturating_add(1);
        (failures, self.backoff.wait(failures))
    }

    /// Whether the first start is over without any worker that ever got ready.
    fn never_started(&self) -> bool {
        match self.phase {
            Phase::FirstStart => {
                let mut occupants = self.slots.values().filter_map(SlotState::occupant);
                occupants.next().is_none()
            }
            Phase::Running | Phase::Reloading(_) | Phase::Stopping(_) | Phase::Finished => false,
        }
    }

    /// One worker got ready: the program works, so the slots that failed get their successors.
    pub(super) fn end_first_start(&mut self, now: Time) {
        match self.phase {
            Phase::FirstStart => {}
            Phase::Running | Phase::Reloading(_) | Phase::Stopping(_) | Phase::Finished => return,
        }
        self.phase = Phase::Running;
        self.respawn_lost_slots(now);
    }

    /// What slots that were lost waited for is decided: they get their successors themselves.
    pub(super) fn respawn_lost_slots(&mut self, now: Time) {
        for state in self.slots.values_mut() {
            if let SlotState::Held { failures } | SlotState::Covered { failures } = *state {
                let until = now.saturating_add(self.backoff.wait(failures));
                *state = SlotState::Backoff { until, failures };
            }
        }
    }

    pub(super) fn respawn_due_slots(&mut self, now: Time) {
        let due: Vec<(Slot, u32)> = self
            .slots
            .iter()
            .filter_map(|(&slot, state)| match *state {
                SlotState::Backoff { until, failures } => {
                    (until <= now).then_some((slot, failures))
                }
                SlotState::Occupied { .. }
                | SlotState::Held { .. }
                | SlotState::Covered { .. }
                | SlotState::Ended => None,
            })
            .collect();
        for (slot, failures) in due {
            let state = if self.has_ready_successor(slot) {
                SlotState::Covered { failures }
            } else {
                let node = self.spawn(now, slot, self.generation);
                SlotState::Occupied { node, failures }
            };
            self.slots.insert(slot, state);
        }
    }
}
