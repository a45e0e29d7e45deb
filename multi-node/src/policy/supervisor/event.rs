//! What the supervisor is told and what it answers: plain data that decides nothing.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::{ExitStatus, Generation, NodeId, Slot};

/// The settings that supervision depends on.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// The slots to fill; may be empty.
    pub(crate) workers: RangeInclusive<Slot>,
    /// Whether a worker that ended is respawned.
    pub(crate) restart_children: bool,
    /// Nothing listens: a worker that exits with code 0 has finished its work.
    pub(crate) computes: bool,
    pub(crate) drain_timeout: Duration,
    pub(crate) start_timeout: Duration,
}

impl Rules {
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
    /// A worker can serve.
    Ready { node: NodeId },
    /// A worker drains; news only when nobody told it to.
    Draining { node: NodeId },
    /// A worker's process was reaped.
    Exited { node: NodeId, status: ExitStatus },
    /// The `main` of the master's own node returned, or was left behind once it had drained.
    MasterEnded { ok: bool },
    /// SIGTERM, SIGINT or SIGQUIT.
    Stop,
    /// SIGHUP.
    Reload,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start a process; answer with [`Event::Spawned`] or [`Event::SpawnFailed`].
    Spawn { node: NodeId, slot: Slot, generation: Generation },
    /// Have the kernel answer no new connection; what has connected is still accepted.
    Refuse,
    /// End listening: who connects is refused.
    Close,
    /// Tell a node to drain: a worker that was reported spawned, or the master's own node.
    Drain { node: NodeId },
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
    /// SIGKILL is on its way.
    Killed,
}

/// Why a worker is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    Exited(ExitStatus),
    SpawnFailed(String),
    /// It was not ready within `start_timeout`.
    NotReady,
    /// It drains without having been told to.
    Drained,
}

/// A fact for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Notice {
    /// A worker's process was started.
    Spawned { who: Who },
    /// A node can serve.
    BecameReady { who: Who },
    /// The program stops.
    Stopping { delay: Duration },
    /// A worker died; one that is [`Cause::NotReady`] in time dies by the kill that comes with it.
    /// Exactly one for each death that nobody asked for.
    Died { who: Who, stage: Stage, cause: Cause, next: Next },
    /// A worker drains by its own decision.
    Drains { who: Who, next: Next },
    /// A worker of a program that only computes returned success.
    Finished { who: Who },
    /// A worker that was drained or killed is gone, as it should be.
    Left { who: Who, cause: Cause },
    /// A worker did not drain in time and is killed.
    DrainOverrun { who: Who },
    /// A killed worker is still not reaped, [`super::KILL_TIMEOUT`] later; no longer waited for.
    NotReaped { who: Who },
    /// The `main` of the master's own node did not end in time; no longer waited for.
    MasterCutOff,
    /// A reload began with so many successors.
    Reloading { generation: Generation, workers: usize },
    /// Every successor is ready; their predecessors drain.
    Reloaded { generation: Generation, workers: usize, took: Duration },
    /// The reload is given up; the old generation goes on.
    ReloadFailed { generation: Generation, failure: ReloadFailure },
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
}

/// Why a reload is given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReloadFailure {
    /// A successor was lost before all of them were ready.
    Lost { who: Who, cause: Cause },
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MainEnd {
    Ended {
        ok: bool,
    },
    /// It still runs, past its deadline.
    CutOff,
}
