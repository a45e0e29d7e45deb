//! What must hold, whatever happens.

use super::super::super::reload::{Pace, Step as ReloadStep};
use super::super::super::stop::StopStep;
use super::*;

impl World {
    /// Does what the supervisor says; spawns stay under way until a step answers them.
    pub(super) fn act(&mut self) {
        while let Some(action) = self.supervisor.poll_action() {
            assert!(!self.finished, "{action:?} after the finish");
            if !is_chatter(&action) {
                self.log.push(line(&action));
            }
            match action {
                Action::Spawn { node, slot, generation } => self.spawn(node, slot, generation),
                Action::Rehearse { generation } => {
                    assert_eq!(self.reload, Some(generation));
                    assert_eq!(self.rehearsal.replace(generation), None);
                }
                Action::EndRehearsal => assert!(self.rehearsal.take().is_some()),
                Action::Switch { generation } => {
                    assert!(self.rehearsed.contains(&generation));
                    assert_eq!(self.supervisor.generation(), generation);
                    let mut served = self.supervisor.slots.iter();
                    assert!(served.all(|(slot, state)| state.has_ended() || self.is_served(*slot)));
                }
                Action::Discard { generation } => assert!(self.failed.contains(&generation)),
                Action::Count { nodes } => self.count(nodes),
                // Once each, the first before any drain of a stop, the second after.
                Action::Refuse | Action::Close | Action::Leaving => {
                    assert!(self.supervisor.is_stopping());
                }
                Action::CloseDropped { generation } => {
                    assert_eq!(self.supervisor.generation(), generation);
                }
                Action::Drain { node } => self.drain(node),
                Action::Abort { node } => {
                    let process = self.process(node);
                    assert!(process.spawned && !process.is_leaving());
                    process.told = Some(Told::Abort);
                }
                Action::Kill { node } => {
                    let process = self.process(node);
                    assert!(process.spawned && process.told != Some(Told::Die));
                    process.told = Some(Told::Die);
                }
                Action::Replace { generation, node } => {
                    self.check_replacement(generation, node);
                    return self.replace(node);
                }
                Action::Notice(notice) => self.note(notice),
                Action::Finish(_) => self.finish(),
            }
        }
        self.check();
    }

    fn count(&mut self, nodes: u16) {
        assert!((1..=256).contains(&nodes));
        let before = std::mem::replace(&mut self.count, nodes);
        // A slot that the new rules do not have is forgotten, and was asked for anew.
        let kept = self.supervisor.rules.worker_slots(before);
        self.promised.retain(|slot, _| *slot == 0 || kept.contains(slot));
    }

    fn spawn(&mut self, node: NodeId, slot: Slot, generation: Generation) {
        assert!(!self.supervisor.is_stopping(), "a spawn in a stop");
        assert!(node > self.newest, "a node is used again");
        assert!(self.may_be_filled(slot), "slot {slot} is none");
        assert!(self.rehearsed.contains(&generation), "it was not rehearsed");
        assert!(!self.failed.contains(&generation), "it failed before");
        assert!(self.supervisor.needs(generation), "its file was let go of");
        if generation == self.supervisor.generation()
            && let Some(due) = self.promised.remove(&slot)
        {
            assert!(self.now >= due, "sooner than promised");
        }
        self.newest = node;
        let process = Process {
            slot,
            generation,
            spawned: false,
            ready: false,
            told: None,
            says_it_drains: false,
        };
        self.processes.insert(node, process);
    }

    fn may_be_filled(&self, slot: Slot) -> bool {
        let supervisor = &self.supervisor;
        let new = supervisor.reload().and_then(|reload| reload.new_rules());
        new.into_iter().chain([&supervisor.rules]).any(|rules| {
            let is_workers = supervisor.worker_slots(rules).contains(&slot);
            is_workers || (slot == 0 && rules.master_serves())
        })
    }

    fn drain(&mut self, node: NodeId) {
        if node == self.master {
            assert!(self.main_runs && !self.main_was_told);
            self.main_was_told = true;
            let stands = !self.supervisor.is_stopping() && !after_last_call(&self.supervisor);
            if stands && self.supervisor.rules.master_serves() {
                assert!(self.is_served(0), "nobody stands in for the master");
            }
            return;
        }
        let process = self.process(node);
        assert!(process.spawned && !process.is_leaving());
        process.told = Some(Told::Drain);
        let (slot, generation, ready) = (process.slot, process.generation, process.ready);
        let is_kept = match self.supervisor.slots.get(&slot) {
            Some(SlotState::Ended) | None => false,
            Some(_) => !after_last_call(&self.supervisor),
        };
        if ready && is_kept && !self.failed.contains(&generation) {
            assert!(self.is_served(slot), "{node} drains before its successor is ready");
        }
    }

    /// Whether a worker that does not go serves at `slot`.
    fn is_served(&self, slot: Slot) -> bool {
        let workers = self.supervisor.workers.values();
        workers.filter(|worker| worker.slot == slot).any(|worker| worker.is_ready())
    }

    fn check_replacement(&self, generation: Generation, node: NodeId) {
        assert_eq!(self.supervisor.generation(), generation);
        assert_eq!(self.reload, Some(generation));
        assert!(node > self.newest && !self.supervisor.is_stopping());
        assert!(self.processes.values().all(|process| process.spawned));
        assert!(self.supervisor.actions.is_empty());
    }

    /// The next process must know all that this one does.
    pub(in super::super) fn check_successor(&self, next: &Supervisor) {
        let known = |s: &Supervisor| s.workers().collect::<Vec<_>>();
        assert_eq!(known(next), known(&self.supervisor));
        let due = |s: &Supervisor| s.workers.values().map(Worker::deadline).collect::<Vec<_>>();
        assert_eq!(due(next), due(&self.supervisor));
        assert_eq!(next.wanted(), self.supervisor.wanted());
        assert_eq!(next.generation(), self.supervisor.generation());
    }

    fn note(&mut self, notice: Notice) {
        match notice {
            Notice::Died { who, next, .. } | Notice::Drains { who, next } => match next {
                Next::Respawn { after } => {
                    check_wait(after);
                    self.promised.insert(who.slot, self.now + after);
                }
                Next::Retry { after } => check_wait(after),
                Next::Waits
                | Next::Replaced
                | Next::RestartOff
                | Next::Stopping
                | Next::GivingUp
                | Next::FailsReload => {}
            },
            Notice::NotReaped { who } => {
                let process = self.processes.remove(&who.node);
                assert_eq!(process.and_then(|p| p.told), Some(Told::Die));
            }
            Notice::Reloading { generation } => {
                assert_eq!(self.reload.replace(generation), None);
            }
            Notice::Reloaded { generation, .. } => {
                assert_eq!(self.reload.take(), Some(generation));
            }
            Notice::ReloadFailed { generation, .. } => {
                assert_eq!(self.reload.take(), Some(generation));
                assert!(self.failed.insert(generation));
            }
            // A second signal cuts off even who was not told yet.
            Notice::MasterCutOff => assert!(self.main_runs),
            Notice::Stopping { .. } => {
                assert!(!self.log[..self.log.len() - 1].iter().any(|l| l.starts_with("stopping")));
            }
            Notice::BecameReady { who } => self.process(who.node).ready = true,
            Notice::Spawned { .. }
            | Notice::Finished { .. }
            | Notice::Left { .. }
            | Notice::DrainOverrun { .. }
            | Notice::AbortOverrun { .. }
            | Notice::Hung { .. }
            | Notice::Recovered { .. }
            | Notice::Retiring { .. }
            | Notice::Scaled { .. }
            | Notice::ScaleRefused { .. }
            | Notice::Starting { .. }
            | Notice::Replacing { .. }
            | Notice::ReplaceFailed { .. }
            | Notice::MasterNotReady { .. }
            | Notice::MasterFailed { .. }
            | Notice::RollingBack { .. }
            | Notice::RolledBack { .. } => {}
        }
    }

    fn finish(&mut self) {
        assert!(self.processes.is_empty(), "{:?}", self.processes);
        self.finished = true;
    }

    /// What must hold at every moment.
    fn check(&mut self) {
        let supervisor = &self.supervisor;
        let waits =
            |slot: &Slot| matches!(supervisor.slots.get(slot), Some(SlotState::Backoff { .. }));
        self.promised.retain(|slot, _| waits(slot));
        let mut beside = 0;
        for (&node, process) in &self.processes {
            // What was told to go but not yet spawned is known to the supervisor alone.
            let worker = supervisor.workers.get(&node).expect("every process is supervised");
            match worker.stage() {
                Stage::Starting | Stage::Ready => {}
                Stage::Draining | Stage::Aborted | Stage::Killed => continue,
            }
            assert!(!process.is_leaving(), "{node} was told to go, or goes");
            if may_serve_on(supervisor) {
                continue;
            }
            if !supervisor.is_occupant(worker) {
                beside += 1;
                let counts = supervisor.reload_counts_on(worker) || supervisor.renews_with(worker);
                assert!(counts, "nobody counts on {node}");
            }
        }
        assert!(beside <= most_beside(supervisor), "{beside} beside the rest");
        assert_eq!(supervisor.workers.len(), self.processes.len());
        for (slot, state) in &supervisor.slots {
            self.check_slot(*slot, state);
        }
    }

    fn check_slot(&self, slot: Slot, state: &SlotState) {
        let supervisor = &self.supervisor;
        assert!(self.may_be_filled(slot) || supervisor.is_stopping(), "slot {slot} is none");
        match state {
            SlotState::Occupied { node, .. } => {
                let process = &self.processes[node];
                let in_force = process.generation == supervisor.generation();
                assert!(in_force || is_mixed(supervisor), "{node} is of another generation");
                assert!(!process.is_leaving());
            }
            SlotState::Backoff { .. } => {
                assert!(supervisor.rules.restart_children || !self.failed.is_empty());
                assert!(matches!(supervisor.phase, Phase::Running | Phase::Reloading(_)));
            }
            SlotState::Held { .. } => assert!(matches!(supervisor.phase, Phase::FirstStart)),
            SlotState::Covered { .. } => assert!(supervisor.has_ready_successor(slot)),
            SlotState::Ended => {
                assert!(supervisor.is_stopping() || supervisor.rules.outlives_main());
            }
        }
    }
}

fn check_wait(after: Duration) {
    let in_bounds = millis(90) <= after && after <= secs(11);
    assert!(after.is_zero() || in_bounds, "{after:?}");
}

/// Whether the program stops or a generation leaves, but nobody had to be told to drain yet.
fn may_serve_on(supervisor: &Supervisor) -> bool {
    match &supervisor.phase {
        Phase::Reloading(reload) => matches!(reload.step, ReloadStep::LastCall { .. }),
        Phase::FirstStart | Phase::Running => false,
        Phase::Stopping(stop) => match stop.step {
            StopStep::Leaving { .. } | StopStep::LastCall { .. } => true,
            StopStep::Telling { .. } | StopStep::Closed => false,
        },
        Phase::Finished => false,
    }
}

/// Whether the old nodes go a while after the switch: a successor may have died since.
fn after_last_call(supervisor: &Supervisor) -> bool {
    let step = supervisor.reload().map(|reload| &reload.step);
    matches!(step, Some(ReloadStep::MasterLeaves { close_at: Some(_) }))
}

/// How many processes may serve, or start to, beside those that slots count on.
fn most_beside(supervisor: &Supervisor) -> usize {
    match &supervisor.phase {
        Phase::Running => 1,
        Phase::Reloading(reload) => match &reload.step {
            ReloadStep::Starting { pace: Pace::AtOnce(successors), .. } => successors.len(),
            ReloadStep::Starting { pace: Pace::Waves { surge, .. }, .. } => *surge,
            ReloadStep::RollingBack { surge } => *surge,
            ReloadStep::Rehearsing { .. }
            | ReloadStep::LastCall { .. }
            | ReloadStep::MasterLeaves { .. }
            | ReloadStep::Replacing { .. }
            | ReloadStep::Handover { .. } => 0,
        },
        Phase::FirstStart | Phase::Stopping(_) | Phase::Finished => 0,
    }
}

/// Whether slots may count on workers of two generations: in waves, and on their way back.
fn is_mixed(supervisor: &Supervisor) -> bool {
    supervisor.reload().is_some_and(|reload| match &reload.step {
        ReloadStep::Starting { pace: Pace::Waves { .. }, .. } | ReloadStep::RollingBack { .. } => {
            true
        }
        ReloadStep::Starting { pace: Pace::AtOnce(_), .. }
        | ReloadStep::Rehearsing { .. }
        | ReloadStep::LastCall { .. }
        | ReloadStep::MasterLeaves { .. }
        | ReloadStep::Replacing { .. }
        | ReloadStep::Handover { .. } => false,
    })
}
