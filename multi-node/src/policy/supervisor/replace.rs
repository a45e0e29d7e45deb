//! What follows once every successor of a reload is ready: the switch, and the master's own turn.
//!
//! At the switch the new rules are in force, and the old workers drain: at once, or, when something
//! is not listened on any more, after a last call as in a [`stop`](super::stop), so that there too
//! clients are refused and never reset. The master's own node drains with them, its stand-in
//! serving at its place; its `main` that returns then means "go on", and one that
//! does not return in time is left behind. Then, whoever else still drains, the process replaces
//! itself: [`Supervisor::snapshot`] is what the next one resumes from. When its own node is ready
//! the stand-in drains, and the reload is over.
//!
//! When the process cannot be replaced, or the new master's node does not get ready in time or
//! fails before it is, the stand-in stays: an ordinary worker, respawned like any, until a node of
//! the master's own is ready.

use serde::{Deserialize, Serialize};

use super::backoff::Backoff;
use super::event::{Action, Notice};
use super::master::{MASTER_SLOT, Master, MasterState};
use super::reload::{Pace, Reload, Step, Successor};
use super::slot::SlotState;
use super::{LAST_CALL, Phase, Supervisor, TELLING, Time};
use crate::config::{Generation, NodeId, Slot};

/// All that a supervisor knows, for the next image of this process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Snapshot(Supervisor);

impl Supervisor {
    /// What [`Supervisor::resume`] goes on from. After [`Action::Replace`] that is the handover to
    /// the new master's own node; at any other time it shows whether a new version can read it.
    pub(crate) fn snapshot(&self, now: Time) -> Snapshot {
        let mut next = self.clone();
        if let Phase::Reloading(Reload { step, .. }) = &mut next.phase
            && let Step::Replacing { node } = *step
        {
            let deadline = now.saturating_add(self.rules.start_timeout);
            *step = Step::Handover { deadline };
            let state = match self.master.state {
                MasterState::Gone(end) => MasterState::Gone(end),
                MasterState::Starting
                | MasterState::Ready
                | MasterState::Draining { .. }
                | MasterState::Left(_) => MasterState::Starting,
            };
            next.master = Master { state, ..Master::starting(node) };
        }
        Snapshot(next)
    }

    /// The supervisor of the process that was replaced, in the new one; `seed` makes its jitter its
    /// own. Its first event is [`Event::Begin`](super::Event::Begin), and time goes on from where it
    /// was.
    pub(crate) fn resume(snapshot: Snapshot, seed: u64) -> Self {
        Supervisor { backoff: Backoff::new(seed), ..snapshot.0 }
    }

    /// Every successor is ready: they take their slots, and who was there drains.
    pub(super) fn switch_if_ready(&mut self, now: Time) {
        if !self.successors_are_ready() && !self.waves_are_over() {
            return;
        }
        let Some(Reload { generation, since, step: Step::Starting { rules, pace, drops } }) =
            self.take_reload()
        else {
            return;
        };
        let step = if drops {
            Step::LastCall { drain_at: now.saturating_add(LAST_CALL) }
        } else {
            Step::MasterLeaves { close_at: None }
        };
        self.phase = Phase::Reloading(Reload { generation, since, step });
        match pace {
            Pace::AtOnce(successors) => {
                for (slot, successor) in successors {
                    self.seat(slot, successor);
                }
            }
            Pace::Waves { .. } => {}
        }
        if drops {
            self.drain_starting(now);
        } else {
            self.drain_all_but(now, generation);
        }
        let stands_in = rules.master_serves() && self.master.has_main();
        self.retire_slots_beyond(now, self.worker_slots(&rules), stands_in);
        if !drops {
            self.drain_master(now);
        }
        let before = self.wanted();
        self.rules = rules;
        self.generation = generation;
        self.actions.push_back(Action::Switch { generation });
        if self.wanted() != before {
            self.announce_count();
        }
    }

    fn seat(&mut self, slot: Slot, successor: Successor) {
        let state = match successor {
            Successor::Running(node) => SlotState::Occupied { node, failures: 0 },
            Successor::Finished => SlotState::Ended,
        };
        self.slots.insert(slot, state);
    }

    fn drain_all_but(&mut self, now: Time, generation: Generation) {
        let others = self.workers.values().filter(|worker| worker.generation != generation);
        let mut others: Vec<_> = others.map(|worker| (worker.slot, worker.node)).collect();
        others.sort_unstable();
        for (_, node) in others {
            self.drain(now, node);
        }
    }

    /// Takes the steps that are due between the switch and the replacement.
    pub(super) fn go_on_switching(&mut self, now: Time) {
        let is_due = |reload: &&Reload| reload.deadline().is_some_and(|due| due <= now);
        let Some(reload) = self.reload().filter(is_due) else {
            return;
        };
        let generation = reload.generation;
        match reload.step {
            Step::LastCall { .. } => {
                let close_at = Some(now.saturating_add(TELLING));
                self.set_step(Step::MasterLeaves { close_at });
                self.drain_all_but(now, generation);
                self.drain_master(now);
            }
            Step::MasterLeaves { .. } => {
                self.set_step(Step::MasterLeaves { close_at: None });
                self.actions.push_back(Action::CloseDropped { generation });
            }
            Step::Rehearsing { .. }
            | Step::Starting { .. }
            | Step::RollingBack { .. }
            | Step::Replacing { .. }
            | Step::Handover { .. } => {}
        }
    }

    /// Whether the end of `main` now means that the process is to be replaced.
    pub(super) fn waits_for_master_to_leave(&self) -> bool {
        self.reload().is_some_and(|reload| matches!(reload.step, Step::MasterLeaves { .. }))
    }

    /// The process is to be replaced, and nothing is under way that it must answer first.
    pub(super) fn replace_when_idle(&mut self) {
        let spawns = self.workers.values().any(|worker| worker.pid.is_none());
        let idle = self.actions.is_empty() && !spawns && self.master.end().is_some();
        if idle && self.waits_for_master_to_leave() {
            let generation = self.generation;
            self.newest_node = NodeId(self.newest_node.0 + 1);
            let node = self.newest_node;
            self.set_step(Step::Replacing { node });
            self.notice(Notice::Replacing { generation, node });
            self.actions.push_back(Action::Replace { generation, node });
        }
    }

    pub(super) fn replace_failed(&mut self, now: Time, reason: String) {
        let Some(Reload { step: Step::Replacing { .. }, generation, .. }) = self.reload() else {
            return;
        };
        let generation = *generation;
        self.notice(Notice::ReplaceFailed { generation, reason });
        self.actions.push_back(Action::CloseDropped { generation });
        self.end_reload(now);
    }

    /// Ends the handover when nothing has to be waited for any more.
    pub(super) fn hand_over(&mut self, now: Time) {
        let Some(&Reload { step: Step::Handover { deadline }, .. }) = self.reload() else {
            return;
        };
        let is_over = match self.master.state {
            MasterState::Ready | MasterState::Left(_) | MasterState::Gone(_) => true,
            MasterState::Starting => !self.rules.master_serves(),
            MasterState::Draining { .. } => false,
        };
        if is_over {
            self.let_go_of_stand_in(now);
            self.end_reload(now);
        } else if deadline <= now {
            self.notice(Notice::MasterNotReady { node: self.master.node });
            self.end_reload(now);
        }
    }

    fn end_reload(&mut self, now: Time) {
        let Some(reload) = self.take_reload() else {
            return;
        };
        let occupied = self.slots.values().filter(|slot| slot.occupant().is_some());
        self.notice(Notice::Reloaded {
            generation: reload.generation,
            workers: occupied.count(),
            took: now.saturating_sub(reload.since),
        });
    }

    /// Nobody needs to stand in for a master that serves itself, or that is not to serve again.
    pub(super) fn let_go_of_stand_in(&mut self, now: Time) {
        let waits = match &self.phase {
            Phase::Running => true,
            Phase::Reloading(reload) => match reload.step {
                Step::RollingBack { .. } | Step::Handover { .. } => true,
                Step::Rehearsing { .. }
                | Step::Starting { .. }
                | Step::LastCall { .. }
                | Step::MasterLeaves { .. }
                | Step::Replacing { .. } => false,
            },
            Phase::FirstStart | Phase::Stopping(_) | Phase::Finished => false,
        };
        if waits && (self.master.is_ready() || !self.master.has_main()) {
            self.retire(now, MASTER_SLOT);
        }
    }
}
