//! One worker's process: from its spawn to when it is gone.

use serde::{Deserialize, Serialize};

use super::event::{Action, Cause, Next, Notice, Rules, Stage, Who};
use super::slot::SlotState;
use super::{ABORT_TIMEOUT, KILL_TIMEOUT, Supervisor, Time};
use crate::config::{ExitStatus, Generation, NodeId, Slot};

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Worker {
    pub(super) node: NodeId,
    pub(super) slot: Slot,
    pub(super) generation: Generation,
    /// `None` until it was reported spawned; until then it can be told nothing.
    pub(super) pid: Option<u32>,
    pub(super) state: State,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum State {
    Starting { deadline: Time },
    Ready { since: Time },
    Draining { deadline: Time },
    Aborted { deadline: Time },
    Killed { deadline: Time },
}

/// What a worker's process is to the program.
#[derive(Debug, Clone, Copy)]
enum Role {
    /// Its slot counts on it.
    Occupant { failures: u32 },
    /// It belongs to the reload in flight.
    Successor,
    /// It is to take over from a worker that goes on meanwhile.
    Renewal,
    /// It was told to go, or said that it goes; nobody counts on it.
    Leaving,
}

impl Worker {
    pub(super) fn who(&self) -> Who {
        Who { node: self.node, slot: self.slot, generation: self.generation, pid: self.pid }
    }

    pub(super) fn stage(&self) -> Stage {
        match self.state {
            State::Starting { .. } => Stage::Starting,
            State::Ready { .. } => Stage::Ready,
            State::Draining { .. } => Stage::Draining,
            State::Aborted { .. } => Stage::Aborted,
            State::Killed { .. } => Stage::Killed,
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        match self.state {
            State::Ready { .. } => true,
            State::Starting { .. }
            | State::Draining { .. }
            | State::Aborted { .. }
            | State::Killed { .. } => false,
        }
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        match self.state {
            State::Starting { deadline }
            | State::Draining { deadline }
            | State::Aborted { deadline } => Some(deadline),
            State::Ready { .. } => None,
            // The kill goes out when there is a process to kill.
            State::Killed { deadline } => self.pid.map(|_| deadline),
        }
    }

    fn is_overdue(&self, now: Time) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now)
    }
}

impl Supervisor {
    pub(super) fn spawn(&mut self, now: Time, slot: Slot, generation: Generation) -> NodeId {
        let node = NodeId(self.newest_node.0 + 1);
        self.newest_node = node;
        let deadline = now.saturating_add(self.rules_of(generation).start_timeout);
        let worker =
            Worker { node, slot, generation, pid: None, state: State::Starting { deadline } };
        self.workers.insert(node, worker);
        self.actions.push_back(Action::Spawn { node, slot, generation });
        node
    }

    /// The rules that a worker of `generation` runs by.
    fn rules_of(&self, generation: Generation) -> &Rules {
        let reload = self.reload().filter(|reload| reload.generation == generation);
        reload.and_then(|reload| reload.new_rules()).unwrap_or(&self.rules)
    }

    pub(super) fn is_ready(&self, node: NodeId) -> bool {
        self.workers.get(&node).is_some_and(Worker::is_ready)
    }

    pub(super) fn spawned(&mut self, now: Time, node: NodeId, pid: u32) {
        let Some(generation) = self.workers.get(&node).map(|worker| worker.generation) else {
            return;
        };
        // Its time runs from now on, however long its start was put off.
        let ready_by = now.saturating_add(self.rules_of(generation).start_timeout);
        let Some(worker) = self.workers.get_mut(&node).filter(|worker| worker.pid.is_none()) else {
            return;
        };
        worker.pid = Some(pid);
        let who = worker.who();
        self.actions.push_back(Action::Notice(Notice::Spawned { who }));
        match &mut worker.state {
            State::Starting { deadline } => *deadline = ready_by,
            State::Ready { .. } | State::Aborted { .. } => {}
            State::Draining { .. } => self.actions.push_back(Action::Drain { node }),
            State::Killed { deadline } => {
                *deadline = now + KILL_TIMEOUT;
                self.actions.push_back(Action::Kill { node });
            }
        }
    }

    pub(super) fn ready(&mut self, now: Time, node: NodeId) {
        if node == self.master.node {
            self.master_ready();
        }
        let drain_deadline = self.drain_deadline(now);
        let Some(worker) = self.workers.get_mut(&node) else {
            return;
        };
        match &mut worker.state {
            State::Starting { .. } => worker.state = State::Ready { since: now },
            // It began to serve before it heard that it is to go.
            State::Draining { deadline } => {
                *deadline = drain_deadline;
                return;
            }
            State::Ready { .. } | State::Aborted { .. } | State::Killed { .. } => return,
        }
        let who = worker.who();
        self.notice(Notice::BecameReady { who });
        self.end_first_start(now);
    }

    pub(super) fn drains_by_itself(&mut self, now: Time, node: NodeId) {
        let deadline = self.drain_deadline(now);
        let Some(worker) = self.workers.get_mut(&node) else {
            return;
        };
        let before = *worker;
        match worker.state {
            State::Starting { .. } | State::Ready { .. } => {
                worker.state = State::Draining { deadline };
            }
            State::Draining { .. } | State::Aborted { .. } | State::Killed { .. } => return,
        }
        self.lost(now, before, Cause::Drained);
    }

    /// A worker's process ended, or never came to be.
    pub(super) fn gone(&mut self, now: Time, node: NodeId, cause: Cause) {
        let Some(worker) = self.workers.remove(&node) else {
            return;
        };
        let finished = self.rules_of(worker.generation).computes
            && cause == Cause::Exited(ExitStatus::Code(0));
        match self.role(&worker) {
            Role::Leaving => self.left(worker, cause),
            Role::Occupant { .. } if finished => {
                self.notice(Notice::Finished { who: worker.who() });
                self.end_renewal(now, worker.slot);
                self.end_slot(worker.slot);
                self.end_first_start(now);
            }
            Role::Successor if finished => {
                self.notice(Notice::Finished { who: worker.who() });
                self.successor_finished(now, &worker);
            }
            Role::Renewal if finished => {
                self.notice(Notice::Finished { who: worker.who() });
                self.place(now, worker.slot, SlotState::Ended);
            }
            Role::Occupant { .. } | Role::Successor | Role::Renewal => {
                self.lost(now, worker, cause)
            }
        }
    }

    /// Asks a worker to go and gives it `drain_timeout` for it.
    pub(super) fn drain(&mut self, now: Time, node: NodeId) {
        self.drain_by(node, self.drain_deadline(now));
    }

    /// Asks a worker to go, until `deadline`.
    pub(super) fn drain_by(&mut self, node: NodeId, deadline: Time) {
        if self.withdraw_spawn(node) {
            return;
        }
        let Some(worker) = self.workers.get_mut(&node) else {
            return;
        };
        match worker.state {
            State::Starting { .. } | State::Ready { .. } => {}
            State::Draining { .. } | State::Aborted { .. } | State::Killed { .. } => return,
        }
        worker.state = State::Draining { deadline };
        if worker.pid.is_some() {
            self.actions.push_back(Action::Drain { node });
        }
    }

    /// A worker's runtime does not answer any more: what it leaves behind may say why.
    pub(super) fn hung(&mut self, now: Time, node: NodeId) {
        if node == self.master.node {
            self.master_hangs();
        }
        let Some(worker) = self.workers.get_mut(&node).filter(|worker| worker.is_ready()) else {
            return;
        };
        let before = *worker;
        worker.state = State::Aborted { deadline: now.saturating_add(ABORT_TIMEOUT) };
        self.notice(Notice::Hung { who: before.who() });
        self.actions.push_back(Action::Abort { node });
        self.lost(now, before, Cause::Hung);
    }

    pub(super) fn kill(&mut self, now: Time, node: NodeId) {
        if self.withdraw_spawn(node) {
            return;
        }
        let Some(worker) = self.workers.get_mut(&node) else {
            return;
        };
        match worker.state {
            State::Starting { .. }
            | State::Ready { .. }
            | State::Draining { .. }
            | State::Aborted { .. } => {}
            State::Killed { .. } => return,
        }
        worker.state = State::Killed { deadline: now + KILL_TIMEOUT };
        if worker.pid.is_some() {
            self.actions.push_back(Action::Kill { node });
        }
    }

    /// Forgets a worker whose spawn was not even polled yet.
    fn withdraw_spawn(&mut self, node: NodeId) -> bool {
        let before = self.actions.len();
        self.actions
            .retain(|action| !matches!(action, Action::Spawn { node: n, .. } if *n == node));
        let withdrawn = self.actions.len() < before;
        if withdrawn {
            self.workers.remove(&node);
        }
        withdrawn
    }

    pub(super) fn end_overdue_workers(&mut self, now: Time) {
        // One at a time: the end of one worker may change what is due for the next.
        while let Some(worker) = self.workers.values().find(|w| w.is_overdue(now)).copied() {
            self.end_overdue_worker(now, worker);
        }
    }

    fn end_overdue_worker(&mut self, now: Time, worker: Worker) {
        match worker.state {
            State::Starting { .. } => {
                self.kill(now, worker.node);
                self.lost(now, worker, Cause::NotReady);
            }
            State::Ready { .. } => {}
            State::Draining { .. } => {
                self.notice(Notice::DrainOverrun { who: worker.who() });
                self.kill(now, worker.node);
            }
            State::Aborted { .. } => {
                self.notice(Notice::AbortOverrun { who: worker.who() });
                self.kill(now, worker.node);
            }
            State::Killed { .. } => {
                self.workers.remove(&worker.node);
                self.notice(Notice::NotReaped { who: worker.who() });
            }
        }
    }

    /// A worker that was counted on is not there any more. `worker` is as it was before.
    fn lost(&mut self, now: Time, worker: Worker, cause: Cause) {
        let who = worker.who();
        let next = match self.role(&worker) {
            Role::Occupant { failures } => self.vacate(now, worker, failures, &cause),
            Role::Successor => Next::FailsReload,
            Role::Renewal => Next::Retry { after: self.retry_renewal(now, worker.slot) },
            Role::Leaving => return,
        };
        self.notice(match cause {
            Cause::Drained => Notice::Drains { who, next },
            Cause::Exited(_) | Cause::SpawnFailed(_) | Cause::NotReady | Cause::Hung => {
                Notice::Died { who, stage: worker.stage(), cause: cause.clone(), next }
            }
        });
        match next {
            Next::FailsReload => self.fail_reload(now, who, cause),
            Next::GivingUp => self.give_up(now, cause),
            Next::Respawn { .. }
            | Next::Waits
            | Next::Replaced
            | Next::RestartOff
            | Next::Retry { .. }
            | Next::Stopping => {}
        }
    }

    /// A worker that nobody counts on is gone: a death only if it did not go as it should.
    fn left(&mut self, worker: Worker, cause: Cause) {
        let who = worker.who();
        let stage = worker.stage();
        let as_it_should = match stage {
            Stage::Aborted | Stage::Killed => true,
            Stage::Starting | Stage::Ready | Stage::Draining => {
                cause == Cause::Exited(ExitStatus::Code(0))
            }
        };
        let next = if self.is_stopping() { Next::Stopping } else { Next::Replaced };
        self.notice(if as_it_should {
            Notice::Left { who, cause }
        } else {
            Notice::Died { who, stage, cause, next }
        });
    }

    fn role(&self, worker: &Worker) -> Role {
        if self.reload_counts_on(worker) {
            return Role::Successor;
        }
        if let Some(failures) = self.failures_of_occupant(worker.slot, worker.node) {
            return Role::Occupant { failures };
        }
        if self.renews_with(worker) { Role::Renewal } else { Role::Leaving }
    }
}
