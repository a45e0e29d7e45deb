//! What a service manager is told of the program, and when.
//!
//! ```text
//!   Starting ──all wanted nodes serve──▶ Up ◀──ended, or failed── Reloading
//!      │  READY=1                         │ ──a reload began──────▶   │
//!      │                                  │  RELOADING=1, READY=1     │
//!      └──────────────┬───────────────────┴───────────────────────────┘
//!                     ▼ STOPPING=1
//!                  Stopping
//! ```
//!
//! A program that only computes is up at once. A master that replaced itself begins as
//! `Reloading`: its predecessor said so, and it will say when that is over. While the program starts,
//! nothing is said of a reload: the service manager waits for one thing at a time. It never sends
//! anything itself.

use std::collections::VecDeque;
use std::time::Duration;

use super::Time;
use crate::config::Generation;

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Telling {
    Ready,
    Reloading,
    Stopping,
    /// One line for who looks.
    Status(String),
    Watchdog,
}

/// How many nodes serve, of how many that should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Serving {
    pub(crate) live: u16,
    pub(crate) wanted: u16,
    pub(crate) generation: Generation,
}

/// Decides for one program. Poll what is to be told once all that happened together is told here.
#[derive(Debug)]
pub(crate) struct Status {
    phase: Phase,
    serving: Option<Serving>,
    /// Why the last reload came to nothing, until the next one.
    failure: Option<String>,
    changes: VecDeque<Telling>,
    /// The status line that was told last.
    line: String,
    watchdog: Option<Watchdog>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Starting,
    Up,
    /// To a generation; `None` when a predecessor began it.
    Reloading(Option<Generation>),
    /// With the reason, if there is one to name.
    Stopping(Option<String>),
}

#[derive(Debug, Clone, Copy)]
struct Watchdog {
    every: Duration,
    next: Time,
}

impl Status {
    /// A program that starts. With `watchdog` the service manager ends it when it hears nothing
    /// for so long; it hears twice as often.
    pub(crate) fn starting(watchdog: Option<Duration>) -> Status {
        Status::new(Phase::Starting, watchdog)
    }

    /// A program that only computes: nobody waits for its nodes, so it is ready when it starts.
    pub(crate) fn computing(watchdog: Option<Duration>) -> Status {
        let mut status = Status::new(Phase::Starting, watchdog);
        status.enter(Phase::Up, Telling::Ready);
        status
    }

    /// A master that has replaced itself in a reload: it shows itself to the watchdog at once.
    pub(crate) fn replaced(watchdog: Option<Duration>) -> Status {
        Status::new(Phase::Reloading(None), watchdog)
    }

    fn new(phase: Phase, watchdog: Option<Duration>) -> Status {
        let watchdog = watchdog.map(|within| Watchdog { every: within / 2, next: Time::ZERO });
        Status {
            phase,
            serving: None,
            failure: None,
            changes: VecDeque::new(),
            line: String::new(),
            watchdog: watchdog.filter(|watchdog| !watchdog.every.is_zero()),
        }
    }

    /// So many nodes serve now.
    pub(crate) fn serves(&mut self, serving: Serving) {
        self.serving = Some(serving);
        if self.phase == Phase::Starting && serving.live >= serving.wanted {
            self.enter(Phase::Up, Telling::Ready);
        }
    }

    pub(crate) fn reload_began(&mut self, to: Generation) {
        self.failure = None;
        if self.phase == Phase::Up {
            self.enter(Phase::Reloading(Some(to)), Telling::Reloading);
        }
    }

    pub(crate) fn reload_ended(&mut self) {
        match self.phase {
            Phase::Reloading(_) => self.enter(Phase::Up, Telling::Ready),
            Phase::Starting | Phase::Up | Phase::Stopping(_) => {}
        }
    }

    /// A reload came to nothing.
    pub(crate) fn reload_failed(&mut self, to: Generation, why: &str) {
        self.failure = Some(format!("the reload to generation {to} failed: {why}"));
        self.reload_ended();
    }

    /// The program stops, because it was asked to.
    pub(crate) fn stops(&mut self) {
        match self.phase {
            Phase::Starting | Phase::Up | Phase::Reloading(_) => {
                self.enter(Phase::Stopping(None), Telling::Stopping);
            }
            Phase::Stopping(_) => {}
        }
    }

    /// The program ends, and not because it was asked to.
    pub(crate) fn fails(&mut self, why: &str) {
        self.stops();
        self.phase = Phase::Stopping(Some(why.to_owned()));
    }

    /// When to call [`Status::handle_timeout`] next.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        self.watchdog.map(|watchdog| watchdog.next)
    }

    /// Shows the watchdog that supervision is alive, when it is time to.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        if let Some(watchdog) = &mut self.watchdog
            && watchdog.next <= now
        {
            watchdog.next = now.saturating_add(watchdog.every);
            self.changes.push_back(Telling::Watchdog);
        }
    }

    /// What to tell next, all of it in one message: a change, and the status line as it is now
    /// with the last one.
    pub(crate) fn poll(&mut self) -> Option<Vec<Telling>> {
        let mut message = Vec::from_iter(self.changes.pop_front());
        if self.changes.is_empty() {
            message.extend(self.new_line());
        }
        (!message.is_empty()).then_some(message)
    }

    fn enter(&mut self, phase: Phase, change: Telling) {
        self.phase = phase;
        self.changes.push_back(change);
    }

    /// The status line, if it is another than before.
    fn new_line(&mut self) -> Option<Telling> {
        let line = one_line(&self.line()?);
        (line != self.line).then(|| {
            self.line.clone_from(&line);
            Telling::Status(line)
        })
    }

    fn line(&self) -> Option<String> {
        let nodes = self.serving.map(|Serving { live, wanted, generation }| {
            format!("{live} of {wanted} nodes, generation {generation}")
        });
        match (&self.phase, &self.failure) {
            (Phase::Stopping(why), _) => Some(why.as_deref().unwrap_or("stopping").to_owned()),
            (Phase::Reloading(None), _) => Some(format!("{}, reloading", nodes?)),
            (Phase::Reloading(Some(to)), _) => {
                Some(format!("{}, reloading to generation {to}", nodes?))
            }
            (Phase::Starting | Phase::Up, Some(failure)) => Some(format!("{}; {failure}", nodes?)),
            (Phase::Starting | Phase::Up, None) => nodes,
        }
    }
}

/// `text` without line ends, which would begin another assignment.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests;
