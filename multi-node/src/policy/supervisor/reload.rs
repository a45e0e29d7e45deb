//! A reload: a whole new generation beside the old one, then a switch, or nothing.
//!
//! ```text
//!  Rehearsing ──Rehearsed──▶ Starting ──every successor ready──▶ MasterLeaves ──main ended──▶
//!      │ fails, start_timeout    │ a successor is lost                 Replacing ──exec──▶ Handover
//!      ▼                         ▼                                         │ fails             │
//!   failed                    failed, in waves after RollingBack           ▼                   ▼
//!                                                                        over                over
//! ```
//!
//! - **Rehearsing**: the new version is run once and says what its options are.
//! - **Starting**: every slot that has not ended gets a successor, also one that waits for a
//!   respawn, and so does every slot that the new options add. When the master listens, one more
//!   is started at its place, the *stand-in*. The old workers drain only when every successor is
//!   ready; from then on the successors are the slots' occupants, with no failures to their name.
//!   Until then the old generation is supervised as ever: who dies is respawned, unless the slot's
//!   successor is ready already. A successor that is lost before the switch, whatever the cause,
//!   fails the reload: the others drain, for those that are ready may be serving requests, and those
//!   that are starting may have got ready unheard (they have until their start's deadline); the
//!   old generation goes on, and a slot that was left to its successor is respawned. With
//!   `max_surge` it goes in [`waves`](super::waves) instead.
//! - From the switch on: see [`replace`](super::replace). A *last call* comes between the switch and
//!   `MasterLeaves` when something is not listened on any more.
//!
//! Every reload ends with one [`Notice::Reloaded`] or one [`Notice::ReloadFailed`]. Reloads asked
//! for meanwhile, or in the first start, become one that follows. A stop ends a reload.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::event::{Action, Cause, Notice, ReloadFailure, Rules, Who};
use super::master::MASTER_SLOT;
use super::slot::SlotState;
use super::worker::{State, Worker};
use super::{Phase, Supervisor, Time};
use crate::config::{Generation, NodeId, Slot};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Reload {
    pub(super) generation: Generation,
    pub(super) since: Time,
    pub(super) step: Step,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Step {
    Rehearsing {
        deadline: Time,
    },
    Starting {
        rules: Rules,
        pace: Pace,
        /// Whether it does not listen everywhere that the old generation does.
        drops: bool,
    },
    /// It has failed half-way: the slots that were replaced get workers of the old generation.
    RollingBack {
        surge: usize,
    },
    /// The switch is done; what has connected where nobody will listen is still accepted.
    LastCall {
        drain_at: Time,
    },
    /// The old nodes drain, the master's own among them; what was dropped stops to listen.
    MasterLeaves {
        close_at: Option<Time>,
    },
    /// This process is being replaced; `node` is the next master's own.
    Replacing {
        node: NodeId,
    },
    /// The process was replaced; its own node starts.
    Handover {
        deadline: Time,
    },
}

/// How successors come into their slots.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Pace {
    /// All at the switch.
    AtOnce(BTreeMap<Slot, Successor>),
    /// Each when it is ready, `surge` at a time; `waiting` are those whose turn has not come.
    Waves { surge: usize, waiting: VecDeque<Slot> },
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Successor {
    Running(NodeId),
    /// It computed what it had to before the switch.
    Finished,
}

impl Reload {
    pub(super) fn deadline(&self) -> Option<Time> {
        match self.step {
            Step::Rehearsing { deadline: at }
            | Step::LastCall { drain_at: at }
            | Step::Handover { deadline: at } => Some(at),
            Step::MasterLeaves { close_at } => close_at,
            Step::Starting { .. } | Step::RollingBack { .. } | Step::Replacing { .. } => None,
        }
    }

    /// What it starts successors with, before the switch: rules, pace, and whether it drops.
    fn start(&self) -> Option<(&Rules, &Pace, bool)> {
        match &self.step {
            Step::Starting { rules, pace, drops } => Some((rules, pace, *drops)),
            Step::Rehearsing { .. }
            | Step::RollingBack { .. }
            | Step::LastCall { .. }
            | Step::MasterLeaves { .. }
            | Step::Replacing { .. }
            | Step::Handover { .. } => None,
        }
    }

    /// The rules of its generation, as long as they are not in force.
    pub(super) fn new_rules(&self) -> Option<&Rules> {
        self.start().map(|(rules, _, _)| rules)
    }

    fn at_once(&self) -> Option<&BTreeMap<Slot, Successor>> {
        match self.start()?.1 {
            Pace::AtOnce(successors) => Some(successors),
            Pace::Waves { .. } => None,
        }
    }

    /// Whether it goes in waves and no slot's turn is still to come.
    pub(super) fn is_in_last_wave(&self) -> bool {
        match self.start() {
            Some((_, Pace::Waves { waiting, .. }, _)) => waiting.is_empty(),
            Some((_, Pace::AtOnce(_), _)) | None => false,
        }
    }

    /// Whether a last call is to follow its switch.
    pub(super) fn will_drop(&self) -> bool {
        self.start().is_some_and(|(_, _, drops)| drops)
    }

    /// Whether its generation may still come to be.
    pub(super) fn is_hopeful(&self) -> bool {
        match self.step {
            Step::RollingBack { .. } => false,
            Step::Rehearsing { .. }
            | Step::Starting { .. }
            | Step::LastCall { .. }
            | Step::MasterLeaves { .. }
            | Step::Replacing { .. }
            | Step::Handover { .. } => true,
        }
    }
}

impl Supervisor {
    pub(super) fn reload(&self) -> Option<&Reload> {
        match &self.phase {
            Phase::Reloading(reload) => Some(reload),
            Phase::FirstStart | Phase::Running | Phase::Stopping(_) | Phase::Finished => None,
        }
    }

    pub(super) fn reload_asked(&mut self) {
        match self.phase {
            Phase::FirstStart | Phase::Running | Phase::Reloading(_) => self.reload_wanted = true,
            Phase::Stopping(_) | Phase::Finished => {}
        }
    }

    pub(super) fn begin_wanted_reload(&mut self, now: Time) {
        if !std::mem::take(&mut self.reload_wanted) {
            return;
        }
        self.suspend_renewals(now);
        self.newest_generation += 1;
        let generation = self.newest_generation;
        let deadline = now.saturating_add(self.rules.start_timeout);
        let step = Step::Rehearsing { deadline };
        self.phase = Phase::Reloading(Reload { generation, since: now, step });
        self.notice(Notice::Reloading { generation });
        self.actions.push_back(Action::Rehearse { generation });
    }

    /// Whether it is waited for how the rehearsal of `generation` ends.
    pub(crate) fn is_rehearsing(&self, generation: Generation) -> bool {
        self.reload().is_some_and(|reload| {
            reload.generation == generation && matches!(reload.step, Step::Rehearsing { .. })
        })
    }

    pub(super) fn rehearsal_failed(&mut self, generation: Generation, reason: String) {
        if self.is_rehearsing(generation) {
            self.phase = Phase::Running;
            let failure = ReloadFailure::Rehearsal { reason };
            self.notice(Notice::ReloadFailed { generation, failure });
        }
    }

    pub(super) fn end_overdue_rehearsal(&mut self, now: Time) {
        let Some(&Reload { generation, step: Step::Rehearsing { deadline }, .. }) = self.reload()
        else {
            return;
        };
        if deadline <= now {
            self.phase = Phase::Running;
            self.actions.push_back(Action::EndRehearsal);
            let failure = ReloadFailure::RehearsalOverrun;
            self.notice(Notice::ReloadFailed { generation, failure });
        }
    }

    /// The new version is good enough to be started.
    pub(super) fn rehearsed(
        &mut self,
        now: Time,
        generation: Generation,
        rules: Rules,
        drops: bool,
    ) {
        if !self.is_rehearsing(generation) {
            return;
        }
        let slots = self.slots_to_replace(&rules);
        self.notice(Notice::Starting { generation, successors: slots.len() });
        let surge = rules.max_surge.map(usize::from).filter(|surge| *surge < slots.len());
        let (pace, at_once) = match surge {
            Some(surge) => (Pace::Waves { surge: surge.max(1), waiting: slots.into() }, Vec::new()),
            None => (Pace::AtOnce(BTreeMap::new()), slots),
        };
        self.set_step(Step::Starting { rules, pace, drops });
        for slot in at_once {
            let node = self.spawn(now, slot, generation);
            self.put_successor(slot, Successor::Running(node));
        }
    }

    /// The slots that get a successor, the stand-in's last.
    fn slots_to_replace(&self, rules: &Rules) -> Vec<Slot> {
        let has_ended = |slot: &Slot| self.slots.get(slot).is_some_and(SlotState::has_ended);
        let slots = self.worker_slots(rules);
        let mut slots: Vec<Slot> = slots.filter(|slot| !has_ended(slot)).collect();
        if rules.master_serves() && self.master.has_main() {
            slots.push(MASTER_SLOT);
        }
        slots
    }

    pub(super) fn set_step(&mut self, next: Step) {
        if let Phase::Reloading(Reload { step, .. }) = &mut self.phase {
            *step = next;
        }
    }

    /// Whether successors are on their way that are not to be counted on yet.
    pub(super) fn reload_starts(&self) -> bool {
        self.reload().is_some_and(|reload| reload.new_rules().is_some())
    }

    fn put_successor(&mut self, slot: Slot, successor: Successor) {
        if let Phase::Reloading(Reload { step: Step::Starting { pace, .. }, .. }) = &mut self.phase
            && let Pace::AtOnce(successors) = pace
        {
            successors.insert(slot, successor);
        }
    }

    /// Whether every successor of a reload at once is ready.
    pub(super) fn successors_are_ready(&self) -> bool {
        let successors = self.reload().and_then(Reload::at_once);
        successors.is_some_and(|all| all.values().all(|one| self.is_good(*one)))
    }

    pub(super) fn has_ready_successor(&self, slot: Slot) -> bool {
        let successors = self.reload().and_then(Reload::at_once);
        let successor = successors.and_then(|all| all.get(&slot));
        successor.is_some_and(|successor| self.is_good(*successor))
    }

    fn is_good(&self, successor: Successor) -> bool {
        match successor {
            Successor::Running(node) => self.is_ready(node),
            Successor::Finished => true,
        }
    }

    /// Whether the reload in flight fails when it loses this worker.
    pub(super) fn reload_counts_on(&self, worker: &Worker) -> bool {
        let Some(reload) = self.reload() else {
            return false;
        };
        match reload.start() {
            None => false,
            Some((_, Pace::AtOnce(successors), _)) => match successors.get(&worker.slot) {
                Some(Successor::Running(node)) => *node == worker.node,
                Some(Successor::Finished) | None => false,
            },
            Some((_, Pace::Waves { .. }, _)) => {
                worker.generation == reload.generation
                    && (self.is_occupant(worker) || self.renews_with(worker))
            }
        }
    }

    /// A successor finished its work before the switch.
    pub(super) fn successor_finished(&mut self, now: Time, worker: &Worker) {
        self.put_successor(worker.slot, Successor::Finished);
        if self.is_occupant(worker) {
            self.end_slot(worker.slot);
        } else if self.renews_with(worker) {
            self.place(now, worker.slot, SlotState::Ended);
        }
    }

    /// A successor is lost: the others go, and the old generation goes on.
    pub(super) fn fail_reload(&mut self, now: Time, who: Who, cause: Cause) {
        let Some(Reload { generation, step, .. }) = self.take_reload() else {
            return;
        };
        let failure = ReloadFailure::Lost { who, cause };
        self.notice(Notice::ReloadFailed { generation, failure });
        match step {
            Step::Starting { pace: Pace::AtOnce(successors), .. } => {
                self.dismiss_all(now, successors);
                self.actions.push_back(Action::Discard { generation });
            }
            Step::Starting { pace: Pace::Waves { surge, .. }, .. } => {
                self.roll_back(now, generation, surge, who);
            }
            // None of them has successors.
            Step::Rehearsing { .. }
            | Step::RollingBack { .. }
            | Step::LastCall { .. }
            | Step::MasterLeaves { .. }
            | Step::Replacing { .. }
            | Step::Handover { .. } => {}
        }
    }

    /// The program runs, and the reload that was in flight is the caller's.
    pub(super) fn take_reload(&mut self) -> Option<Reload> {
        match std::mem::replace(&mut self.phase, Phase::Running) {
            Phase::Reloading(reload) => Some(reload),
            other @ (Phase::FirstStart | Phase::Running | Phase::Stopping(_) | Phase::Finished) => {
                self.phase = other;
                None
            }
        }
    }

    fn dismiss_all(&mut self, now: Time, successors: BTreeMap<Slot, Successor>) {
        for successor in successors.into_values() {
            match successor {
                Successor::Running(node) => self.dismiss_successor(now, node),
                Successor::Finished => {}
            }
        }
        self.respawn_lost_slots(now);
    }

    pub(super) fn dismiss_successor(&mut self, now: Time, node: NodeId) {
        let Some(worker) = self.workers.get(&node) else {
            return;
        };
        match worker.state {
            // It may serve already, and have said so a moment ago.
            State::Starting { deadline } => {
                self.drain_by(node, deadline.min(self.drain_deadline(now)));
            }
            State::Ready { .. } => self.drain(now, node),
            State::Draining { .. } | State::Aborted { .. } | State::Killed { .. } => {}
        }
    }

    /// The program stops: the reload in flight, if there is one, comes to nothing.
    pub(super) fn abandon_reload(&mut self) {
        let Some(reload) = self.reload() else {
            return;
        };
        let (generation, is_hopeful) = (reload.generation, reload.is_hopeful());
        if self.is_rehearsing(generation) {
            self.actions.push_back(Action::EndRehearsal);
        }
        if is_hopeful {
            let failure = ReloadFailure::Stopping;
            self.notice(Notice::ReloadFailed { generation, failure });
        }
    }
}
