//! What policy found worth saying, in words: one line a fact.

use std::fmt;
use std::time::Duration;

use crate::config::ExitStatus;
use crate::policy::supervisor::{
    Cause, Finish, Next, Notice, ReloadFailure, ScaleRefusal, Stage, Weariness, Who,
};
use crate::report;
use crate::sys::signal::signal_name;

/// Says `notice`, as loud as it deserves.
pub(super) fn say(notice: &Notice, drain_timeout: Duration, start_timeout: Duration) {
    match notice {
        Notice::Died { who, stage, cause, next } => {
            let cause = Because(cause, start_timeout);
            report::warn!("{}: {cause}{}; {}", Named(who), While(*stage), Then(*next));
        }
        Notice::Drains { who, next } => {
            report::info!("{}: drains by itself; {}", Named(who), Then(*next));
        }
        Notice::Finished { who } => report::info!("{}: finished", Named(who)),
        Notice::Left { who, cause } => {
            report::info!("{}: left: {}", Named(who), Because(cause, start_timeout));
        }
        Notice::DrainOverrun { who } => report::warn!(
            "{}: still there although drain_timeout ({drain_timeout:?}) is over: killed",
            Named(who)
        ),
        Notice::NotReaped { who } => {
            report::error!("{}: killed, and yet it does not end: left alone", Named(who));
        }
        Notice::MasterCutOff => report::warn!(
            "the main of the master did not return although drain_timeout ({drain_timeout:?}) \
             is over: cut off"
        ),
        Notice::Spawned { who } => report::debug!("{}: started", Named(who)),
        Notice::BecameReady { who } => report::info!("{}: ready", Named(who)),
        Notice::AbortOverrun { who } => {
            report::warn!("{}: aborted, and yet it does not end: killed", Named(who));
        }
        Notice::Hung { who } => report::error!("{}: hangs", Named(who)),
        Notice::Recovered { node } => report::info!("node {node}: no longer hangs"),
        Notice::Retiring { who, why } => {
            report::info!("{}: is replaced: it has reached {}", Named(who), limit(*why));
        }
        Notice::Scaled { nodes } => report::info!("{nodes} nodes serve from now on"),
        Notice::ScaleRefused { why } => report::warn!(
            "the number of nodes stays what it is: {}",
            match why {
                ScaleRefusal::LastNode => "one is the least",
                ScaleRefusal::TooMany => "256 are the most",
            }
        ),
        Notice::Reloading { generation } => {
            report::info!("reload to generation {generation} begins");
        }
        Notice::Starting { generation, successors } => {
            report::info!(
                "generation {generation} passed its rehearsal: {successors} workers start"
            );
        }
        Notice::Replacing { generation, node } => {
            report::info!(
                "generation {generation} serves: the master replaces itself by node {node}"
            );
        }
        Notice::ReplaceFailed { generation, reason } => report::error!(
            "the master could not replace itself by generation {generation}, it goes on as it is: \
             {reason}"
        ),
        Notice::MasterNotReady { node } => report::warn!(
            "node {node}, the master's own, was not ready within start_timeout ({start_timeout:?}): \
             a worker goes on standing in for it"
        ),
        Notice::Reloaded { generation, workers, took } => {
            report::info!("reload to generation {generation} done: {workers} workers in {took:?}");
        }
        Notice::RollingBack { generation, workers } => {
            report::warn!("{workers} workers go back to generation {generation}");
        }
        Notice::RolledBack { generation } => {
            report::info!("every worker is of generation {generation} again");
        }
        Notice::Stopping { delay } => report::info!("the program stops, in {delay:?}"),
        Notice::ReloadFailed { generation, failure } => match failure {
            ReloadFailure::Lost { who, cause } => report::warn!(
                "reload to generation {generation} failed, the old workers go on: {}: {}",
                Named(who),
                Because(cause, start_timeout)
            ),
            ReloadFailure::Rehearsal { reason } => report::warn!(
                "reload to generation {generation} failed, the old workers go on: {reason}"
            ),
            ReloadFailure::RehearsalOverrun => report::warn!(
                "reload to generation {generation} failed, the old workers go on: its rehearsal \
                 was not over within start_timeout ({start_timeout:?})"
            ),
            ReloadFailure::Stopping => {
                report::info!("reload to generation {generation} is given up: the program stops");
            }
        },
    }
}

/// Says why the program ends when that is not what was asked for.
pub(super) fn say_end(finish: &Finish, start_timeout: Duration) {
    match finish {
        Finish::NeverStarted { cause, .. } => report::error!(
            "no worker ever got ready, the last one {}: the program ends",
            Because(cause, start_timeout)
        ),
        Finish::Stopped { .. } | Finish::MainEnded => {}
    }
}

fn limit(why: Weariness) -> &'static str {
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

struct While(Stage);

impl fmt::Display for While {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Stage::Starting => " before it was ready",
            Stage::Ready => "",
            Stage::Draining => " while it drained",
            Stage::Aborted => " when it was to be aborted",
            Stage::Killed => " when it was to be killed",
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
