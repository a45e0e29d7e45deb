//! What policy found worth saying, in words: one line a fact.

use std::fmt;
use std::time::Duration;

use crate::config::ExitStatus;
use crate::event::Event;
use crate::policy::supervisor::{Cause, Finish, Next, Notice, ReloadFailure, Stage, Who};
use crate::report;
use crate::sys::signal::signal_name;

/// Says `notice`, as loud as it deserves.
pub(super) fn say(notice: &Notice, drain_timeout: Duration, start_timeout: Duration) {
    match notice {
        Notice::Died { who, stage, cause, next } => {
            let cause = Because(cause, start_timeout);
            report::warn!("{}: {cause}{}; {}", Named(who), While(*stage), Then(*next));
        }
        Notice::Spawned { who } => report::debug!("{}: started", Named(who)),
        Notice::BecameReady { who } => report::debug!("{}: ready", Named(who)),
        Notice::Stopping { .. } => report::info!("the program stops"),
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
        Notice::Reloading { generation, workers } => {
            report::info!("reload to generation {generation} begins: {workers} workers");
        }
        Notice::Reloaded { generation, workers, took } => {
            report::info!("reload to generation {generation} done: {workers} workers in {took:?}");
        }
        Notice::ReloadFailed { generation, failure } => match failure {
            ReloadFailure::Lost { who, cause } => report::warn!(
                "reload to generation {generation} failed, the old workers go on: {}: {}",
                Named(who),
                Because(cause, start_timeout)
            ),
            ReloadFailure::Stopping => {
                report::info!("reload to generation {generation} is given up: the program stops");
            }
        },
    }
}

/// `notice` as user code may hear of it; `None` for what is supervision's own affair, or said by
/// another notice.
pub(super) fn event(notice: &Notice, start_timeout: Duration) -> Option<Event> {
    match notice {
        Notice::Spawned { who } => Some(Event::Spawned {
            node: who.node,
            slot: who.slot.into(),
            generation: who.generation,
            pid: who.pid?,
        }),
        Notice::BecameReady { who } => Some(Event::Ready { node: who.node, slot: who.slot.into() }),
        Notice::Stopping { .. } => Some(Event::Stopping),
        Notice::Died { who, cause, .. } | Notice::Left { who, cause } => exited(who, cause),
        Notice::Finished { who } => exited(who, &Cause::Exited(ExitStatus::Code(0))),
        Notice::Reloading { generation, .. } => {
            Some(Event::ReloadStarted { generation: *generation })
        }
        Notice::Reloaded { generation, took, .. } => {
            Some(Event::ReloadFinished { generation: *generation, took: *took })
        }
        Notice::ReloadFailed { generation, failure } => Some(Event::ReloadFailed {
            generation: *generation,
            reason: Failed(failure, start_timeout).to_string(),
        }),
        Notice::Drains { .. }
        | Notice::DrainOverrun { .. }
        | Notice::NotReaped { .. }
        | Notice::MasterCutOff => None,
    }
}

/// The end of a process; `None` while it is still to come.
fn exited(who: &Who, cause: &Cause) -> Option<Event> {
    let status = match cause {
        Cause::Exited(status) => Some(*status),
        Cause::SpawnFailed(_) => None,
        // The kill that comes with it is noticed.
        Cause::NotReady | Cause::Drained => return None,
    };
    Some(Event::Exited { node: who.node, slot: who.slot.into(), status })
}

/// Why the program ends when that is not what was asked for.
pub(super) fn failure(finish: &Finish, start_timeout: Duration) -> Option<String> {
    match finish {
        Finish::NeverStarted { cause, .. } => Some(format!(
            "no worker ever got ready, the last one {}: the program ends",
            Because(cause, start_timeout)
        )),
        Finish::Stopped { .. } | Finish::MainEnded => None,
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

struct Failed<'a>(&'a ReloadFailure, Duration);

impl fmt::Display for Failed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ReloadFailure::Lost { who, cause } => {
                write!(f, "{}: {}", Named(who), Because(cause, self.1))
            }
            ReloadFailure::Stopping => f.write_str("the program stops"),
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
            Next::FailsReload => write!(f, "not respawned: its reload fails"),
        }
    }
}
