//! Successors that come into their slot one by one: when one is ready, who was there drains.
//!
//! ```text
//!  Starting ──ready──▶ Leaving ──who was there is gone──▶ done
//!     │ ▲
//!     ▼ │ lost, then due
//!   Waiting
//! ```
//!
//! A renewal replaces a worker that is tired, one at a time, in the same slot and generation; if
//! its successor is lost the old worker goes on and another successor is tried. None begins while a
//! reload runs, and one in flight ends when a reload begins. The waves of a reload, and their way
//! back, are renewals too (see [`waves`](super::waves)).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::{Notice, Weariness};
use super::slot::SlotState;
use super::worker::Worker;
use super::{Supervisor, Time};
use crate::config::{Generation, NodeId, Slot};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Renewals {
    /// Workers whose turn has not come.
    pub(super) tired: VecDeque<NodeId>,
    pub(super) running: BTreeMap<Slot, Renewal>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Renewal {
    Starting {
        node: NodeId,
        failures: u32,
    },
    /// The successor was lost; another comes at `until`.
    Waiting {
        until: Time,
        failures: u32,
    },
    /// The successor is in the slot, and `node`, which was there, leaves.
    Leaving {
        node: NodeId,
    },
}

impl Renewal {
    pub(super) fn due(&self) -> Option<Time> {
        match *self {
            Renewal::Waiting { until, .. } => Some(until),
            Renewal::Starting { .. } | Renewal::Leaving { .. } => None,
        }
    }

    pub(super) fn successor(&self) -> Option<NodeId> {
        match *self {
            Renewal::Starting { node, .. } => Some(node),
            Renewal::Waiting { .. } | Renewal::Leaving { .. } => None,
        }
    }

    /// Whether the slot still has to get its successor.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Renewal::Starting { .. } | Renewal::Waiting { .. } => true,
            Renewal::Leaving { .. } => false,
        }
    }
}

impl Supervisor {
    /// A worker has reached a limit. One that nobody counts on is not worth a successor.
    pub(super) fn tired(&mut self, node: NodeId, why: Weariness) {
        let Some(worker) = self.workers.get(&node).filter(|worker| worker.is_ready()) else {
            return;
        };
        let is_open = self.renewals.running.get(&worker.slot).is_some_and(Renewal::is_open);
        if self.is_occupant(worker) && !is_open && !self.renewals.tired.contains(&node) {
            let who = worker.who();
            self.renewals.tired.push_back(node);
            self.notice(Notice::Retiring { who, why });
        }
    }

    pub(super) fn renews_with(&self, worker: &Worker) -> bool {
        let renewal = self.renewals.running.get(&worker.slot);
        renewal.and_then(Renewal::successor) == Some(worker.node)
    }

    /// Begins the renewal of the next worker that is tired, when no other is in flight.
    pub(super) fn renew_next(&mut self, now: Time) {
        while self.renewals.running.is_empty()
            && let Some(node) = self.renewals.tired.pop_front()
        {
            let worker = self.workers.get(&node).filter(|worker| worker.is_ready());
            if let Some(&worker) = worker.filter(|worker| self.is_occupant(worker)) {
                self.begin_renewal(now, worker.slot, self.generation, 0);
            }
        }
    }

    pub(super) fn begin_renewal(
        &mut self,
        now: Time,
        slot: Slot,
        generation: Generation,
        failures: u32,
    ) {
        let node = self.spawn(now, slot, generation);
        self.renewals.running.insert(slot, Renewal::Starting { node, failures });
    }

    /// Whatever follows by itself in the renewals in flight.
    pub(super) fn advance_renewals(&mut self, now: Time) {
        for (slot, renewal) in self.renewals.running.clone() {
            match renewal {
                Renewal::Starting { node, .. } => {
                    let state = SlotState::Occupied { node, failures: 0 };
                    if !self.is_ready(node) {
                        continue;
                    } else if self.ends_waves_with_a_last_call(slot) {
                        self.renewals.running.remove(&slot);
                        self.slots.insert(slot, state);
                    } else {
                        self.place(now, slot, state);
                    }
                }
                Renewal::Waiting { until, failures } => {
                    if until <= now {
                        self.begin_renewal(now, slot, self.generation, failures);
                    }
                }
                Renewal::Leaving { node } => {
                    if !self.workers.contains_key(&node) {
                        self.renewals.running.remove(&slot);
                    }
                }
            }
        }
    }

    /// Gives a slot what its successor came to; who was there drains.
    pub(super) fn place(&mut self, now: Time, slot: Slot, state: SlotState) {
        self.renewals.running.remove(&slot);
        let before = self.slots.insert(slot, state);
        if let Some(node) = before.and_then(|state| state.occupant()) {
            self.drain(now, node);
            if self.workers.contains_key(&node) {
                self.renewals.running.insert(slot, Renewal::Leaving { node });
            }
        }
    }

    /// The successor in `slot` is lost: another one comes after the wait that this returns.
    pub(super) fn retry_renewal(&mut self, now: Time, slot: Slot) -> Duration {
        let failures = match self.renewals.running.get(&slot) {
            Some(Renewal::Starting { failures, .. }) => failures.saturating_add(1),
            Some(Renewal::Waiting { .. } | Renewal::Leaving { .. }) | None => 1,
        };
        let after = self.backoff.wait(failures);
        let until = now.saturating_add(after);
        self.renewals.running.insert(slot, Renewal::Waiting { until, failures });
        after
    }

    /// The successor that is on its way into `slot` anyway, now that who was there is lost.
    pub(super) fn take_successor(&mut self, slot: Slot) -> Option<NodeId> {
        if !self.renewals.running.get(&slot)?.is_open() {
            return None;
        }
        self.renewals.running.remove(&slot)?.successor()
    }

    /// Ends the renewal in `slot`: its successor goes.
    pub(super) fn end_renewal(&mut self, now: Time, slot: Slot) {
        let renewal = self.renewals.running.remove(&slot);
        if let Some(node) = renewal.and_then(|renewal| renewal.successor()) {
            self.dismiss_successor(now, node);
        }
    }

    /// Ends every renewal whose slot has no successor yet; who was there is as tired as before.
    pub(super) fn suspend_renewals(&mut self, now: Time) {
        for slot in self.open_renewals() {
            self.end_renewal(now, slot);
            let occupant = self.slots.get(&slot).and_then(SlotState::occupant);
            self.renewals.tired.extend(occupant);
        }
    }

    pub(super) fn open_renewals(&self) -> Vec<Slot> {
        let open = self.renewals.running.iter().filter(|(_, renewal)| renewal.is_open());
        open.map(|(&slot, _)| slot).collect()
    }
}
