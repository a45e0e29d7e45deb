//! What the supervisor is told and what it answers: plain data that decides nothing.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{ExitStatus, Generation, NodeId, Slot};

/// The settings that supervision depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rules {
    /// The master is one of the nodes that serve.
    pub(crate) master_listens: bool,
    /// How many nodes serve, as long as no operator scaled.
    pub(crate) nodes: u16,
    /// Whether a worker that ended is respawned.
    pub(crate) restart_children: bool,
    /// Nothing listens: a worker that exits with code 0 has finished its work.
    pub(crate) computes: bool,
    pub(crate) drain_timeout: Duration,
    /// How long a program that a signal stops goes on accepting, no longer ready.
    pub(crate) drain_delay: Duration,
    pub(crate) start_timeout: Duration,
    /// How many successors of a reload may be there beside the rest; `None` for all.
    pub(crate) max_surge: Option<u16>,
}

impl Rules {
    /// The workers' slots when so many nodes serve; may be empty.
    pub(super) fn worker_slots(&self, nodes: u16) -> RangeInclusive<Slot> {
        1..=nodes.saturating_sub(u16::from(self.master_listens))
    }

    /// Whether clients depend on the master's own node.
    pub(super) fn master_serves(&self) -> bool {
        self.master_listens && !self.computes
    }

    /// Whether the program goes on, until its workers have ended too, once the master's `main`
    /// returned success.
    pub(super) fn outlives_main(&self) -> bool {
        self.computes || !self.restart_children
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// Supervision starts: start every worker.
    Begin,
    /// A [`Action::Spawn`] succeeded.
    Spawned { node: NodeId, pid: u32 },
    /// A [`Action::Spawn`] failed; counts as the death of `node`.
    SpawnFailed { node: NodeId, reason: String },
    /// A node can serve, a worker or the master's own.
    Ready { node: NodeId },
    /// A worker drains; news only when nobody told it to.
    Draining { node: NodeId },
    /// A worker's process was reaped.
    Exited { node: NodeId, status: ExitStatus },
    /// The `main` of the master's own node returned, or was left behind once it had drained.
    MasterEnded { ok: bool },
    /// SIGTERM, SIGINT or SIGQUIT.
    Stop,
    /// SIGHUP or SIGUSR2.
    Reload,
    /// [`Action::Rehearse`] went well: the new version's options; `drops` when something that is
    /// listened on now is not any more once they are in force.
    Rehearsed { generation: Generation, rules: Rules, drops: bool },
    /// [`Action::Rehearse`] did not go well.
    RehearsalFailed { generation: Generation, reason: String },
    /// [`Action::Replace`] failed: this process is still what it was.
    ReplaceFailed { reason: String },
    /// SIGTTIN: one worker more.
    Grow,
    /// SIGTTOU: one worker less.
    Shrink,
    /// A node's runtime did not answer within `hang_timeout`.
    Hung { node: NodeId },
    /// The runtime of a node that hung answers again.
    Recovered { node: NodeId },
    /// A worker has reached one of its limits.
    Tired { node: NodeId, why: Weariness },
}

/// Which limit a worker has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Weariness {
    Lifetime,
    Connections,
    Memory,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start a process; answer with [`Event::Spawned`] or [`Event::SpawnFailed`].
    Spawn { node: NodeId, slot: Slot, generation: Generation },
    /// Run the program's file once, in rehearsal: it evaluates its options and checks that it
    /// understands this program's state. Answer with [`Event::Rehearsed`] or
    /// [`Event::RehearsalFailed`].
    Rehearse { generation: Generation },
    /// End the rehearsal; no answer is waited for any more.
    EndRehearsal,
    /// The settings of `generation` are in force from now on. Have the kernel answer no new
    /// connection where it does not listen; what has connected is still accepted.
    Switch { generation: Generation },
    /// Forget the settings of `generation` and what was bound for it alone: its reload failed, and
    /// what it had replaced is back. A stop discards nothing: everything goes.
    Discard { generation: Generation },
    /// Replace this process by the file of `generation`; `node` is the next master's own node.
    ///
    /// Comes only when there is nothing else to do and no spawn is under way. Nothing happens after
    /// it in this process, unless it is told [`Event::ReplaceFailed`].
    Replace { generation: Generation, node: NodeId },
    /// Tell every node how many serve from now on; comes with the switch of a reload, otherwise
    /// before the spawns and drains that make it so.
    Count { nodes: u16 },
    /// Tell every node that the program is about to stop: they serve on, no longer ready.
    Leaving,
    /// Have the kernel answer no new connection; what has connected is still accepted.
    Refuse,
    /// End listening: who connects is refused.
    Close,
    /// End listening where `generation`, which is in force, does not listen.
    CloseDropped { generation: Generation },
    /// Tell a node to drain: a worker that was reported spawned, or the master's own node.
    Drain { node: NodeId },
    /// SIGABRT a worker that hangs; a [`Action::Kill`] follows if that does not end it.
    Abort { node: NodeId },
    /// SIGKILL a worker that was reported spawned.
    Kill { node: NodeId },
    /// Log it.
    Notice(Notice),
    /// Leave. Comes once; nothing comes after it.
    Finish(Finish),
}

/// A worker's process, by all its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) node: NodeId,
    pub(crate) slot: Slot,
    pub(crate) generation: Generation,
    /// `None` until it was reported spawned.
    pub(crate) pid: Option<u32>,
}

/// How far a worker's process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Starting,
    Ready,
    Draining,
    /// It hung: SIGABRT is on its way.
    Aborted,
    /// SIGKILL is on its way.
    Killed,
}

/// Why a worker is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cause {
    Exited(ExitStatus),
    SpawnFailed(String),
    /// It was not ready within `start_timeout`.
    NotReady,
    /// Its runtime did not answer within `hang_timeout`.
    Hung,
    /// It drains without having been told to.
    Drained,
}

/// A fact for the log and for who listens to the program's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Notice {
    /// A worker's process was started.
    Spawned { who: Who },
    /// A worker can serve.
    BecameReady { who: Who },
    /// A worker died; one that is [`Cause::NotReady`] in time or [`Cause::Hung`] dies by what comes
    /// with it, and [`Notice::Left`] follows. Exactly one for each death that nobody asked for.
    Died { who: Who, stage: Stage, cause: Cause, next: Next },
    /// A worker drains by its own decision.
    Drains { who: Who, next: Next },
    /// A worker of a program that only computes returned success.
    Finished { who: Who },
    /// A worker that was drained, aborted or killed is gone, as it should be.
    Left { who: Who, cause: Cause },
    /// A worker did not drain in time and is killed.
    DrainOverrun { who: Who },
    /// A worker that hung did not end by SIGABRT and is killed.
    AbortOverrun { who: Who },
    /// A killed worker is still not reaped, [`super::KILL_TIMEOUT`] later; no longer waited for.
    NotReaped { who: Who },
    /// A node hangs: a worker, which is aborted, or the master's own, which has no pid here and is
    /// left alone.
    Hung { who: Who },
    /// The master's own node no longer hangs.
    Recovered { node: NodeId },
    /// A worker is being replaced because it reached a limit.
    Retiring { who: Who, why: Weariness },
    /// The `main` of the master's own node did not end in time; no longer waited for.
    MasterCutOff,
    /// Another number of nodes serves from now on.
    Scaled { nodes: u16 },
    /// One more or one less was asked for, and cannot be.
    ScaleRefused { why: ScaleRefusal },
    /// A reload began: the new version is being rehearsed.
    Reloading { generation: Generation },
    /// The rehearsal went well: so many successors are to start.
    Starting { generation: Generation, successors: usize },
    /// Every worker is of this generation; the master replaces itself.
    Replacing { generation: Generation, node: NodeId },
    /// The master could not replace itself: the process that was there supervises the new workers,
    /// without a node of its own. [`Notice::Reloaded`] follows.
    ReplaceFailed { generation: Generation, reason: String },
    /// The new master's own node is not ready within `start_timeout`: a worker goes on standing in
    /// for it. [`Notice::Reloaded`] follows.
    MasterNotReady { node: NodeId },
    /// The `main` of the new master's own node failed before it was ready: a worker goes on standing
    /// in for it until the next reload.
    MasterFailed { node: NodeId },
    /// A reload is over: so many workers, and the master, are of this generation.
    Reloaded { generation: Generation, workers: usize, took: Duration },
    /// The reload is given up; the old generation goes on.
    ReloadFailed { generation: Generation, failure: ReloadFailure },
    /// So many slots that a failed reload had replaced get workers of this generation again.
    RollingBack { generation: Generation, workers: usize },
    /// All of them have.
    RolledBack { generation: Generation },
    /// The program stops; `delay` later nobody can connect any more.
    Stopping { delay: Duration },
}

/// Why the count of nodes stays what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScaleRefusal {
    /// One node that serves is the least.
    LastNode,
    /// [`MAX_NODES`](crate::config::MAX_NODES) are the most.
    TooMany,
}

/// What comes next in the slot of a worker that is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// A successor; `after` is zero for at once.
    Respawn { after: Duration },
    /// A successor as soon as any other worker got ready: this is the first start.
    Waits,
    /// Nothing: its slot was seen to before.
    Replaced,
    /// Nothing: `restart_children` is off.
    RestartOff,
    /// Nothing: the program stops.
    Stopping,
    /// The end of the program: no worker ever got ready and none is left.
    GivingUp,
    /// The reload that it belongs to fails.
    FailsReload,
    /// Another successor, `after` a while, for a worker that goes on meanwhile.
    Retry { after: Duration },
}

/// Why a reload is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReloadFailure {
    /// A successor was lost before all of them were ready.
    Lost { who: Who, cause: Cause },
    /// The new version did not pass its rehearsal.
    Rehearsal { reason: String },
    /// The rehearsal was not over within `start_timeout`.
    RehearsalOverrun,
    /// The program stops.
    Stopping,
}

/// How the program ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finish {
    /// A signal asked for it.
    Stopped { main: MainEnd },
    /// The master's `main` ended by itself: its `Termination` is the exit code.
    MainEnded,
    /// No worker ever got ready; `cause` is how the last one was lost.
    NeverStarted { cause: Cause, main: MainEnd },
}

/// What became of the `main` of the master's own node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum MainEnd {
    Ended {
        ok: bool,
    },
    /// It still runs, past its deadline.
    CutOff,
}
