//! The supervisor in simulated time, its answers written out as short lines.
//!
//! A process reads `3/1g0`: node 3, slot 1, generation 0.

mod count;
mod death;
mod drain;
mod first_start;
mod hung;
mod late;
mod property;
mod reload;
mod replace;
mod stop;
mod tired;
mod waves;
mod world;

use std::time::Duration;

use super::*;
use crate::config::ExitStatus;

const START_TIMEOUT: Duration = secs(60);
const DRAIN_TIMEOUT: Duration = secs(30);
/// When a node that was told to drain is overdue.
const DRAIN_OVERRUN: Duration = Duration::from_millis(30_500);

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// So many workers, and a master that does not listen; without workers it does.
fn rules(workers: Slot) -> Rules {
    Rules {
        master_listens: workers == 0,
        nodes: workers.max(1),
        restart_children: true,
        computes: false,
        drain_timeout: DRAIN_TIMEOUT,
        drain_delay: Duration::ZERO,
        start_timeout: START_TIMEOUT,
        max_surge: None,
    }
}

/// So many nodes that serve, the master among them.
fn with_master(nodes: Slot) -> Rules {
    Rules { master_listens: true, nodes, ..rules(1) }
}

fn without_respawn(workers: Slot) -> Rules {
    Rules { restart_children: false, ..rules(workers) }
}

fn that_computes(workers: Slot) -> Rules {
    Rules { computes: true, ..rules(workers) }
}

/// A supervisor and a clock. Every spawn succeeds at once, unless it is left unanswered.
struct Sim {
    supervisor: Supervisor,
    now: Time,
    answers_spawns: bool,
    /// What the new version of a reload asks for.
    next_rules: Rules,
    /// Whether it leaves something that is listened on.
    drops: bool,
}

impl Sim {
    fn new(rules: Rules) -> Self {
        Sim {
            supervisor: Supervisor::new(rules.clone(), 1),
            now: secs(1000),
            answers_spawns: true,
            next_rules: rules,
            drops: false,
        }
    }

    /// A program whose workers, nodes 1 and up, were just spawned.
    fn begun(rules: Rules) -> Self {
        let mut sim = Sim::new(rules);
        sim.tell(Event::Begin);
        sim
    }

    /// A program whose workers are all ready since now.
    fn running(rules: Rules) -> Self {
        let workers = rules.worker_slots(rules.nodes);
        let mut sim = Sim::begun(rules);
        assert_eq!(sim.ready(0), NOTHING);
        for slot in workers {
            assert_eq!(sim.ready(u64::from(slot)), NOTHING);
        }
        sim
    }

    fn tell(&mut self, event: Event) -> Vec<String> {
        self.supervisor.handle_event(self.now, event);
        self.answers()
    }

    /// Lets time pass, with every timeout handled when it is due.
    fn wait(&mut self, time: Duration) -> Vec<String> {
        let end = self.now + time;
        let mut answers = Vec::new();
        while let Some(due) = self.supervisor.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.supervisor.handle_timeout(self.now);
            answers.extend(self.answers());
        }
        self.now = end;
        answers
    }

    /// Lets time pass until the next timeout, and says how long that took.
    fn wait_for_timeout(&mut self) -> (Duration, Vec<String>) {
        let due = self.supervisor.poll_timeout().expect("a timeout");
        let time = due - self.now;
        (time, self.wait(time))
    }

    fn answers(&mut self) -> Vec<String> {
        let mut answers = Vec::new();
        while let Some(action) = self.supervisor.poll_action() {
            if !is_chatter(&action) {
                answers.push(line(&action));
            }
            if let Action::Spawn { node, .. } = action
                && self.answers_spawns
            {
                let pid = pid_of(node);
                self.supervisor.handle_event(self.now, Event::Spawned { node, pid });
            }
        }
        answers
    }

    /// A reload is asked for, and its rehearsal goes well.
    fn reloads(&mut self) -> Vec<String> {
        let mut answers = self.tell(Event::Reload);
        answers.extend(self.rehearses());
        answers
    }

    fn rehearses(&mut self) -> Vec<String> {
        let (rules, drops) = (self.next_rules.clone(), self.drops);
        let generation = self.supervisor.newest_generation;
        self.tell(Event::Rehearsed { generation, rules, drops })
    }

    /// The process is replaced: the supervisor goes on in the next one, which has just begun.
    fn is_replaced(&mut self) -> Vec<String> {
        let snapshot = bincode::serialize(&self.supervisor.snapshot(self.now));
        let snapshot = bincode::deserialize(&snapshot.expect("it encodes"));
        self.supervisor = Supervisor::resume(snapshot.expect("it decodes"), 2);
        self.tell(Event::Begin)
    }

    /// The first signal to stop, the last call that follows it, and the end of listening.
    fn stops(&mut self) -> Vec<String> {
        let mut answers = self.tell(Event::Stop);
        answers.extend(self.wait(LAST_CALL));
        answers.extend(self.wait(TELLING));
        answers
    }

    fn ready(&mut self, node: u64) -> Vec<String> {
        let node = NodeId(node);
        self.tell(Event::Ready { node })
    }

    fn draining(&mut self, node: u64) -> Vec<String> {
        let node = NodeId(node);
        self.tell(Event::Draining { node })
    }

    fn exits(&mut self, node: u64, code: i32) -> Vec<String> {
        self.tell(Event::Exited { node: NodeId(node), status: ExitStatus::Code(code) })
    }

    fn is_killed(&mut self, node: u64) -> Vec<String> {
        self.tell(Event::Exited { node: NodeId(node), status: KILLED })
    }

    fn spawn_fails(&mut self, node: u64) -> Vec<String> {
        self.tell(Event::SpawnFailed { node: NodeId(node), reason: "no memory".to_owned() })
    }

    fn main_returns_ok(&mut self) -> Vec<String> {
        self.tell(Event::MasterEnded { ok: true })
    }
}

const NOTHING: [&str; 0] = [];

const KILLED: ExitStatus = ExitStatus::Signal { signal: 9, core: false };

fn pid_of(node: NodeId) -> u32 {
    1000 + u32::try_from(node.0).expect("a small node")
}

/// What only repeats what the test did.
fn is_chatter(action: &Action) -> bool {
    matches!(action, Action::Notice(Notice::Spawned { .. } | Notice::BecameReady { .. }))
}

fn line(action: &Action) -> String {
    match action {
        Action::Rehearse { generation } => format!("rehearse g{generation}"),
        Action::EndRehearsal => "end rehearsal".to_owned(),
        Action::Switch { generation } => format!("switch g{generation}"),
        Action::Discard { generation } => format!("discard g{generation}"),
        Action::Replace { generation, node } => format!("replace by {node}g{generation}"),
        Action::Count { nodes } => format!("count {nodes}"),
        Action::Leaving => "leaving".to_owned(),
        Action::Abort { node } => format!("abort {node}"),
        Action::Spawn { node, slot, generation } => format!("spawn {node}/{slot}g{generation}"),
        Action::Refuse => "refuse".to_owned(),
        Action::Close => "close".to_owned(),
        Action::CloseDropped { generation } => format!("close all but g{generation}"),
        Action::Drain { node } => format!("drain {node}"),
        Action::Kill { node } => format!("kill {node}"),
        Action::Notice(notice) => notice_line(notice),
        Action::Finish(Finish::Stopped { main }) => format!("finish: stopped, {}", end(*main)),
        Action::Finish(Finish::MainEnded) => "finish: main ended".to_owned(),
        Action::Finish(Finish::NeverStarted { cause, main }) => {
            format!("finish: never started, {}, {}", why(cause), end(*main))
        }
    }
}

fn notice_line(notice: &Notice) -> String {
    match notice {
        Notice::Died { who, stage, cause, next } => {
            format!("{} died {stage:?}, {}: {next:?}", name(who), why(cause))
        }
        Notice::Drains { who, next } => format!("{} drains: {next:?}", name(who)),
        Notice::Finished { who } => format!("{} finished", name(who)),
        Notice::Left { who, cause } => format!("{} left, {}", name(who), why(cause)),
        Notice::DrainOverrun { who } => format!("{} overran its drain", name(who)),
        Notice::NotReaped { who } => format!("{} is not reaped", name(who)),
        Notice::MasterCutOff => "main is cut off".to_owned(),
        Notice::Spawned { who } => format!("{} spawned", name(who)),
        Notice::BecameReady { who } => format!("{} ready", name(who)),
        Notice::AbortOverrun { who } => format!("{} overran its abort", name(who)),
        Notice::Hung { who } => format!("{} hangs", name(who)),
        Notice::Recovered { node } => format!("{node} recovered"),
        Notice::Retiring { who, why } => format!("{} is tired: {why:?}", name(who)),
        Notice::Scaled { nodes } => format!("scaled to {nodes}"),
        Notice::ScaleRefused { why } => format!("scale refused: {why:?}"),
        Notice::Reloading { generation } => format!("reloading to g{generation}"),
        Notice::Starting { generation, successors } => {
            format!("starting {successors} g{generation}")
        }
        Notice::Replacing { generation, node } => format!("replacing by {node}g{generation}"),
        Notice::ReplaceFailed { generation, reason } => {
            format!("replace by g{generation} failed: {reason}")
        }
        Notice::MasterNotReady { node } => format!("master {node} is not ready"),
        Notice::MasterFailed { node } => format!("master {node} failed"),
        Notice::Reloaded { generation, workers, took } => {
            format!("reloaded {workers} to g{generation} in {took:?}")
        }
        Notice::RollingBack { generation, workers } => {
            format!("rolling back {workers} to g{generation}")
        }
        Notice::RolledBack { generation } => format!("rolled back to g{generation}"),
        Notice::Stopping { delay } if delay.is_zero() => "stopping".to_owned(),
        Notice::Stopping { delay } => format!("stopping in {delay:?}"),
        Notice::ReloadFailed { generation, failure } => {
            format!("reload to g{generation} failed: {}", failed(failure))
        }
    }
}

fn failed(failure: &ReloadFailure) -> String {
    match failure {
        ReloadFailure::Lost { who, cause } => format!("{} {}", name(who), why(cause)),
        ReloadFailure::Rehearsal { reason } => reason.clone(),
        ReloadFailure::RehearsalOverrun => "rehearsal overran".to_owned(),
        ReloadFailure::Stopping => "stopping".to_owned(),
    }
}

fn name(who: &Who) -> String {
    format!("{}/{}g{}", who.node, who.slot, who.generation)
}

fn why(cause: &Cause) -> String {
    match cause {
        Cause::Exited(ExitStatus::Code(code)) => format!("code {code}"),
        Cause::Exited(ExitStatus::Signal { signal, .. }) => format!("signal {signal}"),
        Cause::Exited(ExitStatus::Unknown) => "status unknown".to_owned(),
        Cause::SpawnFailed(reason) => reason.clone(),
        Cause::NotReady => "not ready".to_owned(),
        Cause::Hung => "hung".to_owned(),
        Cause::Drained => "drained".to_owned(),
    }
}

fn end(main: MainEnd) -> &'static str {
    match main {
        MainEnd::Ended { ok: true } => "main ok",
        MainEnd::Ended { ok: false } => "main failed",
        MainEnd::CutOff => "main cut off",
    }
}
