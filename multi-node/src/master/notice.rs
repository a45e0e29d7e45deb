//! What policy found worth saying, in words: one line a fact.

use std::fmt;
use std::time::Duration;

use crate::config::{ExitStatus, Settings};
use crate::policy::supervisor::{
    Cause, Finish, Next, Notice, ReloadFailure, ScaleRefusal, Stage, Weariness, Who,
};
use crate::report::{self, About};
use crate::sys::signal::signal_name;

/// Says `notice`, as loud as it deserves.
pub(super) fn say(notice: &Notice, settings: &Settings) {
    let Settings { drain_timeout, start_timeout, .. } = *settings;
    let about = &about(notice);
    match notice {
        Notice::Died { who, stage, cause, next } => {
            let (because, during) = (Because(cause, start_timeout), While(*stage, cause));
            report::warn!(about: about, "{}: {because}{during}; {}", Named(who), Then(*next));
        }
        Notice::Drains { who, next } => {
            report::info!(about: about, "{}: drains by itself; {}", Named(who), Then(*next));
        }
        Notice::Finished { who } => report::info!(about: about, "{}: finished", Named(who)),
        Notice::Left { who, cause } => {
            report::info!(about: about, "{}: left: {}", Named(who), Because(cause, start_timeout));
        }
        Notice::DrainOverrun { who } => report::warn!(about: about,
            "{}: still there although its time to drain is over: killed",
            Named(who)
        ),
        Notice::NotReaped { who } => {
            report::error!(about: about, "{}: killed, and yet it does not end: left alone", Named(who));
        }
        Notice::MasterCutOff => report::warn!(about: about,
            "the main of the master did not return although drain_timeout ({drain_timeout:?}) \
             is over: cut off"
        ),
        Notice::Spawned { who } => report::debug!(about: about, "{}: started", Named(who)),
        Notice::BecameReady { who } => report::info!(about: about, "{}: ready", Named(who)),
        Notice::AbortOverrun { who } => {
            report::warn!(about: about, "{}: aborted, and yet it does not end: killed", Named(who));
        }
        // Who found it has said so, with all that is known of the process.
        Notice::Hung { .. } => {}
        Notice::Recovered { node } => report::warn!(about: about, "node {node}: no longer hangs"),
        Notice::Retiring { who, why } => {
            report::info!(about: about, "{}: is replaced: it has reached {}", Named(who), limit(*why));
        }
        Notice::Scaled { nodes } => {
            let nodes = counted(*nodes, "node serves", "nodes serve");
            report::news!(about: about, "{nodes} from now on");
        }
        Notice::ScaleRefused { why } => report::warn!(about: about,
            "the number of nodes stays what it is: {}",
            match why {
                ScaleRefusal::LastNode => "one is the least",
                ScaleRefusal::TooMany => "256 are the most",
            }
        ),
        Notice::Reloading { generation } => {
            report::info!(about: about, "reload to generation {generation} begins");
        }
        Notice::Starting { generation, successors } => {
            let workers = counted(*successors, "worker starts", "workers start");
            report::info!(about: about, "generation {generation} passed its rehearsal: {workers}");
        }
        Notice::Replacing { generation, node } => {
            report::info!(about: about,
                "generation {generation} serves: the master replaces itself by node {node}"
            );
        }
        Notice::ReplaceFailed { generation, reason } => report::error!(about: about,
            "the master could not replace itself by generation {generation}, it goes on as it is: \
             {reason}"
        ),
        Notice::MasterNotReady { node } => report::warn!(about: about,
            "node {node}, the master's own, was not ready within start_timeout ({start_timeout:?}): \
             a worker goes on standing in for it"
        ),
        Notice::MasterFailed { node } => report::error!(about: about,
            "node {node}, the master's own, failed before it was ready: a worker goes on standing in \
             for it, and the next reload tries again"
        ),
        Notice::Reloaded { generation, workers, took } => {
            let workers = counted(*workers, "worker", "workers");
            report::news!(about: about, "reload to generation {generation} done: {workers} in {took:.1?}");
        }
        Notice::RollingBack { generation, workers } => {
            let workers = counted(*workers, "worker goes", "workers go");
            report::warn!(about: about, "{workers} back to generation {generation}");
        }
        Notice::RolledBack { generation } => {
            report::info!(about: about, "every worker is of generation {generation} again");
        }
        Notice::Stopping { delay } if delay.is_zero() => {
            report::info!(about: about, "the program stops");
        }
        Notice::Stopping { delay } => {
            report::info!(about: about, "the program stops in {delay:?}, and is not ready any more");
        }
        Notice::ReloadFailed { generation, failure } => match failure {
            ReloadFailure::Lost { .. }
            | ReloadFailure::Rehearsal { .. }
            | ReloadFailure::RehearsalOverrun => report::warn!(about: about,
                "reload to generation {generation} failed, the old workers go on: {}",
                why_failed(failure, start_timeout)
            ),
            ReloadFailure::Stopping => {
                report::info!(about: about, "reload to generation {generation} is given up: the program stops");
            }
        },
    }
}

/// What the line is about, as far as it is one node, or one generation.
fn about(notice: &Notice) -> About {
    match notice {
        Notice::Died { who, cause, .. }
        | Notice::Left { who, cause }
        | Notice::ReloadFailed { failure: ReloadFailure::Lost { who, cause }, .. } => {
            About { status: status(cause), ..node(who) }
        }
        Notice::Finished { who } => {
            About { status: status(&Cause::Exited(ExitStatus::Code(0))), ..node(who) }
        }
        Notice::Spawned { who }
        | Notice::BecameReady { who }
        | Notice::Drains { who, .. }
        | Notice::DrainOverrun { who }
        | Notice::AbortOverrun { who }
        | Notice::NotReaped { who }
        | Notice::Hung { who }
        | Notice::Retiring { who, .. } => node(who),
        Notice::Recovered { node }
        | Notice::MasterNotReady { node }
        | Notice::MasterFailed { node } => About { node: Some(*node), ..About::default() },
        Notice::Replacing { generation, node } => {
            About { node: Some(*node), generation: Some(*generation), ..About::default() }
        }
        Notice::Reloading { generation }
        | Notice::Starting { generation, .. }
        | Notice::ReplaceFailed { generation, .. }
        | Notice::Reloaded { generation, .. }
        | Notice::ReloadFailed { generation, .. }
        | Notice::RollingBack { generation, .. }
        | Notice::RolledBack { generation } => {
            About { generation: Some(*generation), ..About::default() }
        }
        Notice::MasterCutOff
        | Notice::Scaled { .. }
        | Notice::ScaleRefused { .. }
        | Notice::Stopping { .. } => About::default(),
    }
}

fn node(who: &Who) -> About {
    About {
        node: Some(who.node),
        slot: Some(who.slot),
        generation: Some(who.generation),
        pid: who.pid,
        status: None,
    }
}

/// How a process ended, in a word or two; `None` when it did not, or nobody knows.
fn status(cause: &Cause) -> Option<String> {
    match cause {
        Cause::Exited(ExitStatus::Code(code)) => Some(format!("code {code}")),
        Cause::Exited(ExitStatus::Signal { signal, .. }) => Some(format!("signal {signal}")),
        Cause::Exited(ExitStatus::Unknown)
        | Cause::SpawnFailed(_)
        | Cause::NotReady
        | Cause::Hung
        | Cause::Drained => None,
    }
}

/// Why a reload was given up.
pub(super) fn why_failed(failure: &ReloadFailure, start_timeout: Duration) -> String {
    match failure {
        ReloadFailure::Lost { who, cause } => {
            format!("{}: {}", Named(who), Because(cause, start_timeout))
        }
        ReloadFailure::Rehearsal { reason } => reason.clone(),
        ReloadFailure::RehearsalOverrun => {
            format!("its rehearsal was not over within start_timeout ({start_timeout:?})")
        }
        ReloadFailure::Stopping => "the program stops".to_owned(),
    }
}

/// Why the program ends when that is not what was asked for.
pub(super) fn failure(finish: &Finish, start_timeout: Duration) -> Option<String> {
    match finish {
        Finish::NeverStarted { cause: cause @ Cause::NotReady, .. } => Some(format!(
            "no worker ever got ready, the last one {}: the program ends; a node is ready when it \
             calls `accept`, `serve` or, with ready = \"explicit\", `nodes.ready()`",
            Because(cause, start_timeout)
        )),
        Finish::NeverStarted { cause, .. } => Some(format!(
            "no worker ever got ready, the last one {}: the program ends",
            Because(cause, start_timeout)
        )),
        Finish::Stopped { .. } | Finish::MainEnded => None,
    }
}

/// `count`, and what there is so many of.
pub(super) fn counted<N>(count: N, one: &str, several: &str) -> String
where
    N: fmt::Display + PartialEq + From<u8>,
{
    let what = if count == N::from(1) { one } else { several };
    format!("{count} {what}")
}

/// The option whose limit was reached.
pub(super) fn limit(why: Weariness) -> &'static str {
    match why {
        Weariness::Lifetime => "max_lifetime",
        Weariness::Connections => "max_connections",
        Weariness::Memory => "max_memory",
    }
}

struct Named<'a>(&'a Who);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Who { node, slot, generation: _, pid } = self.0;
        write!(f, "node {node}, slot {slot}")?;
        match pid {
            Some(pid) => write!(f, ", pid {pid}"),
            None => Ok(()),
        }
    }
}

struct Because<'a>(&'a Cause, Duration);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Cause::Exited(ExitStatus::Code(code)) => write!(f, "exited with code {code}"),
            Cause::Exited(ExitStatus::Signal { signal, core }) => {
                let core = if *core { " (core dumped)" } else { "" };
                write!(f, "was killed by signal {signal} {}{core}", signal_name(*signal))
            }
            Cause::Exited(ExitStatus::Unknown) => write!(f, "ended, its status is unknown"),
            Cause::SpawnFailed(reason) => write!(f, "could not be started: {reason}"),
            Cause::NotReady => write!(f, "was not ready within start_timeout ({:?})", self.1),
            Cause::Hung => write!(f, "hung"),
            Cause::Drained => write!(f, "drained without having been told to"),
        }
    }
}

/// In which stage of its life; nothing where the cause says so itself.
struct While<'a>(Stage, &'a Cause);

impl fmt::Display for While<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.0, self.1) {
            (Stage::Ready, _) | (Stage::Starting, Cause::NotReady) => "",
            (Stage::Starting, _) => " before it was ready",
            (Stage::Draining, _) => " while it drained",
            (Stage::Aborted, _) => " when it was to be aborted",
            (Stage::Killed, _) => " when it was to be killed",
        })
    }
}

struct Then(Next);

impl fmt::Display for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Next::Respawn { after } if after.is_zero() => write!(f, "respawned at once"),
            Next::Respawn { after } => write!(f, "respawned in {} ms", after.as_millis()),
            Next::Waits => write!(f, "respawned once another worker is ready"),
            Next::Replaced => write!(f, "its successor is there"),
            Next::RestartOff => write!(f, "not respawned: restart_children is false"),
            Next::Stopping => write!(f, "not respawned: the program stops"),
            Next::GivingUp => write!(f, "not respawned: no worker ever got ready"),
            Next::Retry { after } => {
                write!(f, "another one is tried in {} ms", after.as_millis())
            }
            Next::FailsReload => write!(f, "not respawned: its reload fails"),
        }
    }
}
