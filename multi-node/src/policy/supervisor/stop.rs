//! The end of the program: asked for by a signal, by the master's `main`, or given up.
//!
//! First the kernel is to answer no new connection, and for [`LAST_CALL`] the nodes go on to accept
//! what has connected, so that a stop refuses but never resets. Then whatever runs is asked to
//! drain, the master's own node too, and nothing is spawned any more; [`TELLING`] later listening
//! ends, so that who accepts from a bare listener hears of the drain before accept fails.
//! The program finishes when every worker is gone and the master's `main` has ended; a worker
//! that overruns its drain is killed, a `main` that does is left behind. A second signal kills
//! every worker and leaves `main` behind without more ado. The first signal in a stop that the
//! program itself began counts as the first.
//!
//! With `restart_children` off, and in a program that only computes, a `main` that returned
//! success stops nothing: the program finishes when the workers have ended too.

use std::time::Duration;

use super::event::{Action, Cause, Finish, MainEnd, Notice, Stage};
use super::slot::SlotState;
use super::{DRAIN_ALLOWANCE, LAST_CALL, Phase, SAME_SIGNAL, Supervisor, TELLING, Time};
use crate::config::NodeId;

#[derive(Debug)]
pub(super) struct Stop {
    why: Why,
    /// When the first signal came.
    signalled: Option<Time>,
    /// When the last call ends and the drain begins; `None` once it has.
    drain_at: Option<Time>,
    /// When listening ends; `None` before the drain and once it has.
    close_at: Option<Time>,
}

#[derive(Debug, Clone)]
enum Why {
    Signal,
    MainEnded,
    NeverStarted(Cause),
}

/// The master's own node, as far as the program's end waits for it.
#[derive(Debug, Clone, Copy)]
pub(super) enum MasterNode {
    Running,
    Draining { deadline: Time },
    Gone(MainEnd),
}

impl MasterNode {
    pub(super) fn deadline(&self) -> Option<Time> {
        match *self {
            MasterNode::Draining { deadline } => Some(deadline),
            MasterNode::Running | MasterNode::Gone(_) => None,
        }
    }
}

impl Supervisor {
    pub(super) fn drain_deadline(&self, now: Time) -> Time {
        now.saturating_add(self.rules.drain_timeout).saturating_add(DRAIN_ALLOWANCE)
    }

    pub(super) fn stop_asked(&mut self, now: Time) {
        match &mut self.phase {
            Phase::FirstStart { .. } | Phase::Running | Phase::Reloading(_) => {
                self.stop(now, Why::Signal, Some(now));
            }
            Phase::Stopping(stop) => match stop.signalled {
                None => stop.signalled = Some(now),
                Some(first) if now.saturating_sub(first) > SAME_SIGNAL => self.kill_all(now),
                Some(_) => {}
            },
            Phase::Finished => {}
        }
    }

    pub(super) fn master_ended(&mut self, now: Time, ok: bool) {
        match self.master {
            MasterNode::Running | MasterNode::Draining { .. } => {}
            MasterNode::Gone(_) => return,
        }
        self.master = MasterNode::Gone(MainEnd::Ended { ok });
        match self.phase {
            Phase::FirstStart { .. } | Phase::Running | Phase::Reloading(_) => {
                if !ok || !self.rules.outlives_main() {
                    self.stop(now, Why::MainEnded, None);
                }
            }
            Phase::Stopping(_) | Phase::Finished => {}
        }
    }

    /// No worker ever got ready, and none is left.
    pub(super) fn give_up(&mut self, now: Time, cause: Cause) {
        self.stop(now, Why::NeverStarted(cause), None);
    }

    fn stop(&mut self, now: Time, why: Why, signalled: Option<Time>) {
        self.abandon_reload();
        self.notice(Notice::Stopping { delay: Duration::ZERO });
        for state in self.slots.values_mut() {
            *state = SlotState::Ended;
        }
        let drain_at = self.serves(&why).then(|| now.saturating_add(LAST_CALL));
        self.phase = Phase::Stopping(Stop { why, signalled, drain_at, close_at: None });
        if drain_at.is_none() {
            self.drain_all(now);
            return;
        }
        self.actions.push_back(Action::Refuse);
        for (node, stage) in self.stages() {
            if stage == Stage::Starting {
                self.drain(now, node);
            }
        }
    }

    /// Whether anybody is left who may accept what has connected.
    fn serves(&self, why: &Why) -> bool {
        let main_runs = match self.master {
            MasterNode::Running | MasterNode::Draining { .. } => true,
            MasterNode::Gone(_) => false,
        };
        let listened = match why {
            Why::Signal | Why::MainEnded => !self.rules.computes,
            Why::NeverStarted(_) => false,
        };
        listened && (main_runs || self.stages().iter().any(|(_, stage)| *stage == Stage::Ready))
    }

    fn stages(&self) -> Vec<(NodeId, Stage)> {
        self.workers.iter().map(|(node, worker)| (*node, worker.stage())).collect()
    }

    /// When the last call ends.
    pub(super) fn last_call_deadline(&self) -> Option<Time> {
        match &self.phase {
            Phase::Stopping(stop) => stop.drain_at,
            Phase::FirstStart { .. } | Phase::Running | Phase::Reloading(_) | Phase::Finished => {
                None
            }
        }
    }

    pub(super) fn end_last_call(&mut self, now: Time) {
        if let Phase::Stopping(stop) = &mut self.phase
            && stop.drain_at.take_if(|due| *due <= now).is_some()
        {
            stop.close_at = Some(now.saturating_add(TELLING));
            self.drain_all(now);
        }
    }

    /// When listening ends.
    pub(super) fn close_deadline(&self) -> Option<Time> {
        match &self.phase {
            Phase::Stopping(stop) => stop.close_at,
            Phase::FirstStart { .. } | Phase::Running | Phase::Reloading(_) | Phase::Finished => {
                None
            }
        }
    }

    pub(super) fn end_listening(&mut self, now: Time) {
        if let Phase::Stopping(stop) = &mut self.phase
            && stop.close_at.take_if(|due| *due <= now).is_some()
        {
            self.actions.push_back(Action::Close);
        }
    }

    fn drain_all(&mut self, now: Time) {
        match self.master {
            MasterNode::Running => {
                let deadline = self.drain_deadline(now);
                self.master = MasterNode::Draining { deadline };
                let node = NodeId::MASTER;
                self.actions.push_back(Action::Drain { node });
            }
            MasterNode::Draining { .. } | MasterNode::Gone(_) => {}
        }
        let workers: Vec<NodeId> = self.workers.keys().copied().collect();
        for node in workers {
            self.drain(now, node);
        }
    }

    fn kill_all(&mut self, now: Time) {
        let workers: Vec<NodeId> = self.workers.keys().copied().collect();
        for node in workers {
            self.kill(now, node);
        }
        self.cut_off_master();
    }

    pub(super) fn cut_off_overdue_master(&mut self, now: Time) {
        if self.master.deadline().is_some_and(|deadline| deadline <= now) {
            self.cut_off_master();
        }
    }

    fn cut_off_master(&mut self) {
        match self.master {
            MasterNode::Running | MasterNode::Draining { .. } => {
                self.master = MasterNode::Gone(MainEnd::CutOff);
                self.notice(Notice::MasterCutOff);
            }
            MasterNode::Gone(_) => {}
        }
    }

    pub(super) fn finish_if_done(&mut self) {
        let MasterNode::Gone(main) = self.master else {
            return;
        };
        if !self.workers.is_empty() {
            return;
        }
        let finish = match &self.phase {
            Phase::Stopping(stop) => match stop.why.clone() {
                Why::Signal => Finish::Stopped { main },
                Why::MainEnded => Finish::MainEnded,
                Why::NeverStarted(cause) => Finish::NeverStarted { cause, main },
            },
            // Only a program that outlives its master's `main` gets here.
            Phase::Running if self.slots.values().all(SlotState::has_ended) => Finish::MainEnded,
            Phase::FirstStart { .. } | Phase::Running | Phase::Reloading(_) | Phase::Finished => {
                return;
            }
        };
        self.phase = Phase::Finished;
        self.actions.push_back(Action::Finish(finish));
    }
}
