//! How many nodes serve: what the options say, until an operator asks for one more or one less.
//!
//! Workers fill the slots from 1 on without a gap: one more takes the next slot, one less retires
//! the highest. What is asked for in the first start or in a reload is kept, and done when that is
//! over. What an operator asked for outlives every reload.

use std::ops::RangeInclusive;

use super::event::{Action, Notice, Rules, ScaleRefusal};
use super::master::MASTER_SLOT;
use super::slot::SlotState;
use super::{Phase, Supervisor, Time};
use crate::config::{MAX_NODES, Slot};

impl Supervisor {
    /// How many nodes are to serve.
    pub(super) fn wanted(&self) -> u16 {
        self.scaled.unwrap_or(self.rules.nodes)
    }

    /// The workers' slots by `rules`, which an operator may have overruled.
    pub(super) fn worker_slots(&self, rules: &Rules) -> RangeInclusive<Slot> {
        rules.worker_slots(self.scaled.unwrap_or(rules.nodes))
    }

    /// How many nodes serve now, and how many are to.
    pub(crate) fn serving(&self) -> (u16, u16) {
        let master = self.rules.master_listens && self.master.is_ready() && !self.master.hung;
        let ready = self.workers.values().filter(|worker| worker.is_ready());
        let mut slots: Vec<Slot> = ready.map(|worker| worker.slot).collect();
        slots.extend(master.then_some(MASTER_SLOT));
        slots.sort_unstable();
        slots.dedup();
        (u16::try_from(slots.len()).unwrap_or(u16::MAX), self.wanted())
    }

    pub(super) fn count_asked(&mut self, change: i32) {
        match self.phase {
            Phase::FirstStart | Phase::Running | Phase::Reloading(_) => {}
            Phase::Stopping(_) | Phase::Finished => return,
        }
        let nodes = i32::from(self.wanted()) + self.growth + change;
        let why = if nodes < i32::from(self.least_nodes()) {
            Some(ScaleRefusal::LastNode)
        } else if nodes > i32::from(MAX_NODES) {
            Some(ScaleRefusal::TooMany)
        } else {
            None
        };
        match why {
            Some(why) => self.notice(Notice::ScaleRefused { why }),
            None => self.growth += change,
        }
    }

    /// A master whose `main` is over cannot be the last node.
    fn least_nodes(&self) -> u16 {
        1 + u16::from(self.rules.master_listens && !self.master.has_main())
    }

    /// Does what was asked for since the count was last changed.
    pub(super) fn resize(&mut self, now: Time) {
        let growth = std::mem::take(&mut self.growth);
        let nodes = i32::from(self.wanted()) + growth;
        let nodes = u16::try_from(nodes.max(0)).unwrap_or(MAX_NODES);
        let nodes = nodes.clamp(self.least_nodes(), MAX_NODES);
        if growth == 0 || nodes == self.wanted() {
            return;
        }
        self.scaled = Some(nodes);
        self.announce_count();
        self.retire_slots_beyond(now, self.worker_slots(&self.rules), true);
        self.add_slots(now);
    }

    /// Starts a worker in every slot that the rules in force have and that is not there yet.
    pub(super) fn add_slots(&mut self, now: Time) {
        for slot in self.worker_slots(&self.rules) {
            if !self.slots.contains_key(&slot) {
                let node = self.spawn(now, slot, self.generation);
                self.slots.insert(slot, SlotState::Occupied { node, failures: 0 });
            }
        }
    }

    pub(super) fn announce_count(&mut self) {
        let nodes = self.wanted();
        self.actions.push_back(Action::Count { nodes });
        self.notice(Notice::Scaled { nodes });
    }

    /// Retires the slots that are not `kept`, the highest first.
    pub(super) fn retire_slots_beyond(
        &mut self,
        now: Time,
        kept: RangeInclusive<Slot>,
        stands_in: bool,
    ) {
        let is_kept = |slot: &Slot| kept.contains(slot) || (stands_in && *slot == MASTER_SLOT);
        let beyond: Vec<Slot> = self.slots.keys().copied().filter(|s| !is_kept(s)).collect();
        for slot in beyond.into_iter().rev() {
            self.retire(now, slot);
        }
    }

    /// Forgets a slot; who is in it, or was to come, goes.
    pub(super) fn retire(&mut self, now: Time, slot: Slot) {
        self.end_renewal(now, slot);
        if let Some(node) = self.slots.remove(&slot).and_then(|state| state.occupant()) {
            self.drain(now, node);
        }
    }
}
