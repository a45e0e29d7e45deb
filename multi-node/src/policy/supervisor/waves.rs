//! A reload with `max_surge`: so many successors at a time, and back again if one is lost.
//!
//! Each successor takes its slot when it is ready, and its predecessor drains; when that is gone
//! the next one starts, the master's stand-in last. The first successor that is lost, in a slot that
//! it already took too, fails the reload. Then the slots that were replaced get workers of the old
//! generation in the same manner, except that one that is lost on the way back is tried again:
//! there is nothing else to go back to.

use std::collections::VecDeque;

use super::event::{Action, Notice, Who};
use super::reload::{Pace, Reload, Step};
use super::slot::SlotState;
use super::{Phase, Supervisor, Time};
use crate::config::{Generation, Slot};

impl Supervisor {
    pub(super) fn advance_waves(&mut self, now: Time) {
        let Phase::Reloading(Reload { generation, step, .. }) = &mut self.phase else {
            return;
        };
        let generation = *generation;
        match step {
            Step::Starting { pace: Pace::Waves { surge, waiting }, .. } => {
                let (surge, mut turns) = (*surge, std::mem::take(waiting));
                self.begin_turns(now, generation, surge, &mut turns);
                self.keep_waiting(turns);
            }
            Step::RollingBack { surge } => {
                let surge = *surge;
                let mut strays = self.strays();
                self.begin_turns(now, self.generation, surge, &mut strays);
                self.end_roll_back(generation);
            }
            Step::Starting { pace: Pace::AtOnce(_), .. }
            | Step::Rehearsing { .. }
            | Step::LastCall { .. }
            | Step::MasterLeaves { .. }
            | Step::Replacing { .. }
            | Step::Handover { .. } => {}
        }
    }

    /// Starts successors as long as no more than `surge` are beside the rest.
    fn begin_turns(
        &mut self,
        now: Time,
        generation: Generation,
        surge: usize,
        turns: &mut VecDeque<Slot>,
    ) {
        while let Some(&slot) = turns.front()
            && self.renewals.running.len() < surge
            && !self.renewals.running.contains_key(&slot)
        {
            turns.pop_front();
            if !self.slots.get(&slot).is_some_and(SlotState::has_ended) {
                self.begin_renewal(now, slot, generation, 0);
            }
        }
    }

    fn keep_waiting(&mut self, turns: VecDeque<Slot>) {
        if let Phase::Reloading(Reload { step: Step::Starting { pace, .. }, .. }) = &mut self.phase
            && let Pace::Waves { waiting, .. } = pace
        {
            *waiting = turns;
        }
    }

    /// Whether every slot of a reload in waves has its successor.
    pub(super) fn waves_are_over(&self) -> bool {
        self.reload().is_some_and(Reload::is_in_last_wave) && self.open_renewals().is_empty()
    }

    /// Whether the switch follows once `slot` has its successor, and a last call after it: then who
    /// is in the slot may be the last that accepts where nobody will listen, and goes on until then.
    pub(super) fn ends_waves_with_a_last_call(&self, slot: Slot) -> bool {
        let ends = |reload: &Reload| reload.is_in_last_wave() && reload.will_drop();
        self.reload().is_some_and(ends) && self.open_renewals() == [slot]
    }

    /// The slots whose worker is of another generation than a respawn would be, and that are not
    /// seen to yet.
    fn strays(&self) -> VecDeque<Slot> {
        let is_stray = |&(&slot, state): &(&Slot, &SlotState)| {
            let worker = state.occupant().and_then(|node| self.workers.get(&node));
            let seen_to = self.renewals.running.get(&slot).is_some_and(|r| r.is_open());
            worker.is_some_and(|worker| worker.generation != self.generation) && !seen_to
        };
        self.slots.iter().filter(is_stray).map(|(&slot, _)| slot).collect()
    }

    /// The reload in waves lost `who`: those on their way go, and what was replaced comes back.
    pub(super) fn roll_back(&mut self, now: Time, failed: Generation, surge: usize, who: Who) {
        for slot in self.open_renewals() {
            self.end_renewal(now, slot);
        }
        let state = self.slots.get(&who.slot);
        if state.and_then(SlotState::occupant) == Some(who.node) {
            self.slots.insert(who.slot, SlotState::Backoff { until: now, failures: 0 });
        }
        let stands_in = self.rules.master_serves() && !self.master.is_ready();
        self.retire_slots_beyond(now, self.worker_slots(&self.rules), stands_in);
        let strays = self.strays();
        if strays.is_empty() {
            self.actions.push_back(Action::Discard { generation: failed });
            return;
        }
        let generation = self.generation;
        self.notice(Notice::RollingBack { generation, workers: strays.len() });
        let step = Step::RollingBack { surge };
        self.phase = Phase::Reloading(Reload { generation: failed, since: now, step });
    }

    fn end_roll_back(&mut self, failed: Generation) {
        if self.strays().is_empty() && self.open_renewals().is_empty() {
            self.phase = Phase::Running;
            self.notice(Notice::RolledBack { generation: self.generation });
            self.actions.push_back(Action::Discard { generation: failed });
        }
    }
}
