//! The end of the program: asked for by a signal, by the master's `main`, or given up.
//!
//! A signal is first passed on as news, when `drain_delay` is not zero: for so long everybody
//! serves on but reports that it is not ready, so that load balancers look away. Then, as in every
//! stop of a program that somebody may be connecting to, the kernel is to answer no new connection,
//! and for [`LAST_CALL`] the nodes go on to accept what has connected, so that a stop refuses but
//! never resets. Then whatever runs is asked to drain, the master's own node too, and nothing is
//! spawned any more; [`TELLING`] later listening ends, so that who accepts from a bare listener hears
//! of the drain before accept fails.
//! The program finishes when every worker is gone and the master's `main` has ended; a worker
//! that overruns its drain is killed, a `main` that does is left behind. A second signal kills
//! every worker and leaves `main` behind without more ado. The first signal in a stop that the
//! program itself began counts as the first.
//!
//! With `restart_children` off, and in a program that only computes, a `main` that returned
//! success stops nothing: the program finishes when the workers have ended too.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::{Action, Cause, Finish, Notice, Stage};
use super::renewal::Renewals;
use super::slot::SlotState;
use super::{DRAIN_ALLOWANCE, LAST_CALL, Phase, SAME_SIGNAL, Supervisor, TELLING, Time};
use crate::config::NodeId;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stop {
    why: Why,
    /// When the first signal came.
    signalled: Option<Time>,
    pub(super) step: StopStep,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum StopStep {
    /// Everybody serves on, no longer ready, until the last call.
    Leaving { last_call_at: Time },
    /// Nobody new can connect; who has is served.
    LastCall { drain_at: Time },
    /// Everybody was told to drain.
    Telling { close_at: Time },
    /// Nothing listens any more.
    Closed,
}

impl StopStep {
    fn deadline(self) -> Option<Time> {
        match self {
            StopStep::Leaving { last_call_at: at }
            | StopStep::LastCall { drain_at: at }
            | StopStep::Telling { close_at: at } => Some(at),
            StopStep::Closed => None,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Why {
    Signal,
    MainEnded,
    NeverStarted(Cause),
}

impl Supervisor {
    pub(super) fn drain_deadline(&self, now: Time) -> Time {
        now.saturating_add(self.rules.drain_timeout).saturating_add(DRAIN_ALLOWANCE)
    }

    pub(super) fn stop_asked(&mut self, now: Time) {
        match &mut self.phase {
            Phase::FirstStart | Phase::Running | Phase::Reloading(_) => {
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

    pub(super) fn stop_with_main(&mut self, now: Time) {
        self.stop(now, Why::MainEnded, None);
    }

    /// No worker ever got ready, and none is left.
    pub(super) fn give_up(&mut self, now: Time, cause: Cause) {
        self.stop(now, Why::NeverStarted(cause), None);
    }

    fn stop(&mut self, now: Time, why: Why, signalled: Option<Time>) {
        let serves = self.serves(&why);
        let delay = match why {
            Why::Signal if serves => self.rules.drain_delay,
            Why::Signal | Why::MainEnded | Why::NeverStarted(_) => Duration::ZERO,
        };
        self.notice(Notice::Stopping { delay });
        self.abandon_reload();
        self.renewals = Renewals::default();
        for state in self.slots.values_mut() {
            *state = SlotState::Ended;
        }
        let last_call_at = now.saturating_add(delay);
        let step = if serves { StopStep::Leaving { last_call_at } } else { StopStep::Closed };
        self.phase = Phase::Stopping(Stop { why, signalled, step });
        if !serves {
            self.drain_all(now);
        } else if delay.is_zero() {
            self.last_call(now);
        } else {
            self.actions.push_back(Action::Leaving);
            self.drain_starting(now);
        }
    }

    /// Whether anybody is left who may accept what has connected.
    fn serves(&self, why: &Why) -> bool {
        let listened = match why {
            Why::Signal | Why::MainEnded => !self.rules.computes,
            Why::NeverStarted(_) => false,
        };
        let main_runs = self.master.end().is_none();
        listened && (main_runs || self.workers.values().any(|worker| worker.is_ready()))
    }

    /// When the stop has its next step to take.
    pub(super) fn stop_deadline(&self) -> Option<Time> {
        match &self.phase {
            Phase::Stopping(stop) => stop.step.deadline(),
            Phase::FirstStart | Phase::Running | Phase::Reloading(_) | Phase::Finished => None,
        }
    }

    /// Takes the steps of the stop that are due.
    pub(super) fn go_on_stopping(&mut self, now: Time) {
        while let Phase::Stopping(stop) = &self.phase
            && stop.step.deadline().is_some_and(|due| due <= now)
        {
            match stop.step {
                StopStep::Leaving { .. } => self.last_call(now),
                StopStep::LastCall { .. } => {
                    self.set_stop_step(StopStep::Telling { close_at: now.saturating_add(TELLING) });
                    self.drain_all(now);
                }
                StopStep::Telling { .. } => {
                    self.set_stop_step(StopStep::Closed);
                    self.actions.push_back(Action::Close);
                }
                StopStep::Closed => {}
            }
        }
    }

    fn set_stop_step(&mut self, next: StopStep) {
        if let Phase::Stopping(stop) = &mut self.phase {
            stop.step = next;
        }
    }

    fn last_call(&mut self, now: Time) {
        self.set_stop_step(StopStep::LastCall { drain_at: now.saturating_add(LAST_CALL) });
        self.actions.push_back(Action::Refuse);
        self.drain_starting(now);
    }

    pub(super) fn drain_starting(&mut self, now: Time) {
        let starting = self.workers.values().filter(|worker| worker.stage() == Stage::Starting);
        for node in starting.map(|worker| worker.node).collect::<Vec<NodeId>>() {
            self.drain(now, node);
        }
    }

    fn drain_all(&mut self, now: Time) {
        self.drain_master(now);
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

    pub(super) fn finish_if_done(&mut self) {
        let Some(main) = self.master.end() else {
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
            // Only a program whose master has no node of its own gets here.
            Phase::Running if self.slots.values().all(SlotState::has_ended) => Finish::MainEnded,
            Phase::FirstStart | Phase::Running | Phase::Reloading(_) | Phase::Finished => {
                return;
            }
        };
        self.phase = Phase::Finished;
        self.actions.push_back(Action::Finish(finish));
    }
}
