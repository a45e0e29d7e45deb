//! Which workers run: starts, deaths, drains, reloads and the end of the program.
//!
//! In the manner of quinn-proto: [`Supervisor::handle_event`] and [`Supervisor::handle_timeout`]
//! take in what happened, [`Supervisor::poll_action`] and [`Supervisor::poll_timeout`] give out
//! what to do. It never waits, spawns or signals anything itself.
//!
//! A worker's process:
//!
//! ```text
//!            Spawned, Ready           told to drain, or does so by itself
//!  Starting ───────────────▶ Ready ───────────────────────────────────────▶ Draining
//!     │   start_timeout, or  │ │ dies                   drain_timeout + 500 ms │
//!     │   its reload failed  │ ▼                                              ▼
//!     └───────────────────── │ ─▶ Killed ──▶ gone (given up if not reaped     Killed
//!                      hangs │      ▲              within 5 s)
//!                            ▼      │ 5 s
//!                          Aborted ─┘
//! ```
//!
//! A slot, of which a worker's are 1 and up, and 0 the stand-in's for the master:
//!
//! ```text
//!   Occupied ──lost──▶ Backoff ──due──▶ Occupied
//!      │ ├──lost in the first start──▶ Held ──another slot's worker got ready──▶ Backoff
//!      │ ├──lost in a reload whose successor for it is ready──▶ Covered ──▶ Occupied (or Backoff)
//!      │ └──lost while it was being renewed──▶ Occupied by the successor
//!      ├──finished, or nothing is respawned, or the program stops──▶ Ended
//!      └──one node less is wanted, or nobody has to stand in any more──▶ forgotten
//! ```
//!
//! The program: `FirstStart`, until the first worker is ready; `Running`; `Reloading`; `Stopping`;
//! `Finished`. The master's own node: see [`master`].
//!
//! - **First start.** No slot is tried twice before any worker was ever ready (or, in a program
//!   that only computes, finished). When every slot has lost its process by then, the program ends
//!   as [`Finish::NeverStarted`]; when one gets ready, the other slots are respawned.
//! - **A death** is followed by a successor in the same slot and generation, after the slot's
//!   [`backoff`]; [`HEALTHY`] as a ready worker clears the slot's count of failures.
//! - **A drain by a worker's own decision** is no failure: its successor is spawned at once. If
//!   the worker was ready for less than [`SETTLED`] it counts as a death, so that a program that
//!   sends itself SIGTERM cannot spin.
//! - **A worker that hangs** is lost at once, and aborted; what is left of it 5 s later is killed.
//! - **The count** of nodes, an operator's or the options': see [`count`]. **A worker that is
//!   tired**, and whoever else is replaced one at a time: see [`renewal`].
//! - **A reload**: see [`reload`], [`waves`] for one with `max_surge`, and [`replace`] for the switch
//!   and the master's part in it. **A stop**: see [`stop`].

mod backoff;
mod count;
mod event;
mod master;
mod reload;
mod renewal;
mod replace;
mod slot;
mod stop;
#[cfg(test)]
mod tests;
mod waves;
mod worker;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use self::event::{
    Action, Cause, Event, Finish, MainEnd, Next, Notice, ReloadFailure, Rules, ScaleRefusal, Stage,
    Weariness, Who,
};
pub(crate) use self::replace::Snapshot;

use self::backoff::Backoff;
use self::master::Master;
use self::reload::Reload;
use self::renewal::{Renewal, Renewals};
use self::slot::SlotState;
use self::stop::Stop;
use self::worker::Worker;
use super::Time;
use crate::config::{Generation, NodeId, Slot};

/// Decides for one program. After every call, poll the actions until there are none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Supervisor {
    rules: Rules,
    phase: Phase,
    /// Those of the workers; the master's too, as long as a worker stands in for it.
    slots: BTreeMap<Slot, SlotState>,
    workers: BTreeMap<NodeId, Worker>,
    renewals: Renewals,
    master: Master,
    /// What a respawn runs.
    generation: Generation,
    /// The highest number given to a generation: one whose reload failed is not used again.
    newest_generation: Generation,
    newest_node: NodeId,
    /// A reload was asked for that has not begun.
    reload_wanted: bool,
    /// How many nodes are to serve since an operator said so.
    scaled: Option<u16>,
    /// Nodes more, or less, that were asked for and are not started or retired yet.
    growth: i32,
    #[serde(skip)]
    backoff: Backoff,
    /// There are none when the process is replaced.
    #[serde(skip)]
    actions: VecDeque<Action>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Phase {
    FirstStart,
    Running,
    Reloading(Reload),
    Stopping(Stop),
    Finished,
}

impl Supervisor {
    /// A program of which nothing was started yet; `seed` makes its jitter its own.
    pub(crate) fn new(rules: Rules, seed: u64) -> Self {
        Supervisor {
            rules,
            phase: Phase::FirstStart,
            slots: BTreeMap::new(),
            workers: BTreeMap::new(),
            renewals: Renewals::default(),
            master: Master::starting(NodeId::MASTER),
            generation: 0,
            newest_generation: 0,
            newest_node: NodeId::MASTER,
            reload_wanted: false,
            scaled: None,
            growth: 0,
            backoff: Backoff::new(seed),
            actions: VecDeque::new(),
        }
    }

    /// Takes in what happened. What comes too late, twice or from a node unknown changes nothing.
    pub(crate) fn handle_event(&mut self, now: Time, event: Event) {
        match event {
            Event::Begin => self.begin(now),
            Event::Spawned { node, pid } => self.spawned(now, node, pid),
            Event::SpawnFailed { node, reason } => {
                self.gone(now, node, Cause::SpawnFailed(reason));
            }
            Event::Ready { node } => self.ready(now, node),
            Event::Draining { node } => self.drains_by_itself(now, node),
            Event::Exited { node, status } => self.gone(now, node, Cause::Exited(status)),
            Event::MasterEnded { ok } => self.master_ended(now, ok),
            Event::Stop => self.stop_asked(now),
            Event::Reload => self.reload_asked(),
            Event::Rehearsed { generation, rules, drops } => {
                self.rehearsed(now, generation, rules, drops);
            }
            Event::RehearsalFailed { generation, reason } => {
                self.rehearsal_failed(generation, reason);
            }
            Event::ReplaceFailed { reason } => self.replace_failed(now, reason),
            Event::Grow => self.count_asked(1),
            Event::Shrink => self.count_asked(-1),
            Event::Hung { node } => self.hung(now, node),
            Event::Recovered { node } => self.recovered(node),
            Event::Tired { node, why } => self.tired(node, why),
        }
        self.settle(now);
    }

    /// Does what is due; does nothing before [`Supervisor::poll_timeout`].
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        self.go_on_stopping(now);
        self.end_overdue_rehearsal(now);
        self.go_on_switching(now);
        self.end_overdue_workers(now);
        self.cut_off_overdue_master(now);
        self.settle(now);
    }

    /// When to call [`Supervisor::handle_timeout`] next, unless an event comes first.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        let workers = self.workers.values().filter_map(Worker::deadline);
        let slots = self.slots.values().filter_map(SlotState::due);
        let renewals = self.renewals.running.values().filter_map(Renewal::due);
        let reload = self.reload().and_then(Reload::deadline);
        let program = [self.master.deadline(), self.stop_deadline(), reload];
        workers.chain(slots).chain(renewals).chain(program.into_iter().flatten()).min()
    }

    /// The next thing to do, in the order in which to do it.
    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.replace_when_idle();
        self.actions.pop_front()
    }

    /// The generation that a respawn runs: that of the last reload that came to its switch.
    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    /// Whether a process of `generation` may still be started.
    pub(crate) fn needs(&self, generation: Generation) -> bool {
        let reload = self.reload().filter(|reload| reload.is_hopeful());
        generation == self.generation || reload.is_some_and(|r| r.generation == generation)
    }

    /// The master's own node, the next one's too when it has not started yet.
    pub(crate) fn master(&self) -> NodeId {
        self.master.node
    }

    /// Whether the master's own node has a `main` to run, or that still runs.
    pub(crate) fn runs_main(&self) -> bool {
        self.master.end().is_none()
    }

    /// Whether the program is on its way to its end.
    pub(crate) fn is_stopping(&self) -> bool {
        match self.phase {
            Phase::FirstStart | Phase::Running | Phase::Reloading(_) => false,
            Phase::Stopping(_) | Phase::Finished => true,
        }
    }

    #[cfg(test)]
    /// Every worker's process that is not gone yet, by node; the master's own node is none.
    pub(crate) fn workers(&self) -> impl Iterator<Item = (Who, Stage)> + '_ {
        self.workers.values().map(|worker| (worker.who(), worker.stage()))
    }

    fn begin(&mut self, now: Time) {
        match self.phase {
            Phase::FirstStart if self.slots.is_empty() => {}
            Phase::FirstStart
            | Phase::Running
            | Phase::Reloading(_)
            | Phase::Stopping(_)
            | Phase::Finished => return,
        }
        self.add_slots(now);
        if self.slots.is_empty() {
            self.end_first_start(now);
        }
    }

    /// Whatever follows by itself from the state that an event or a timeout left.
    fn settle(&mut self, now: Time) {
        self.advance_renewals(now);
        self.advance_waves(now);
        self.switch_if_ready(now);
        self.hand_over(now);
        self.let_go_of_stand_in(now);
        if self.is_running() {
            self.resize(now);
            self.begin_wanted_reload(now);
        }
        if self.is_running() {
            self.renew_next(now);
        }
        self.respawn_due_slots(now);
        self.finish_if_done();
    }

    fn is_running(&self) -> bool {
        match self.phase {
            Phase::Running => true,
            Phase::FirstStart | Phase::Reloading(_) | Phase::Stopping(_) | Phase::Finished => false,
        }
    }

    fn notice(&mut self, notice: Notice) {
        self.actions.push_back(Action::Notice(notice));
    }
}

/// A worker that was ready for so long clears its slot's count of failures.
const HEALTHY: Duration = Duration::from_secs(30);

/// A worker that drains by its own decision before it was ready for so long counts as dead.
const SETTLED: Duration = Duration::from_secs(1);

/// How much longer than `drain_timeout` a node may drain: a worker's own control thread ends it in
/// time, and only one that cannot even do that is killed from here.
const DRAIN_ALLOWANCE: Duration = Duration::from_millis(500);

/// How long nodes go on to accept what has connected, in a stop, once nobody new can connect:
/// longer than a sibling takes to notice what queues at a node that hangs.
const LAST_CALL: Duration = Duration::from_millis(100);

/// How long nodes that were told to drain have to hear it before listening ends.
const TELLING: Duration = Duration::from_millis(100);

/// How long a worker that hung has to leave what it can behind.
const ABORT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a killed worker is waited for.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// Stop signals that come within this time of the first are the same wish told twice (a terminal
/// and a service manager, say); a later one kills.
const SAME_SIGNAL: Duration = Duration::from_millis(250);
