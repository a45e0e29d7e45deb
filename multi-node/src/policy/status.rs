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
//! A master that replaced itself begins as `Reloading`: its predecessor said so, and it will say
//! when that is over. While the program starts, nothing is said of a reload: the service manager
//! waits for one thing at a time. It never sends anything itself.

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

/// Decides for one program. After every call, poll what is to be told until there is nothing.
#[derive(Debug)]
pub(crate) struct Status {
    phase: Phase,
    serving: Option<Serving>,
    /// Why the last reload came to nothing, until the next one.
    failure: Option<String>,
    /// The status line that was told last.
    line: String,
    watchdog: Option<Watchdog>,
    messages: VecDeque<Vec<Telling>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    Up,
    Reloading { to: Option<Generation> },
    Stopping,
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

    /// A master that has replaced itself in a reload, `now`.
    #[allow(dead_code)] // called once a master replaces itself
    pub(crate) fn replaced(now: Time, watchdog: Option<Duration>) -> Status {
        let mut status = Status::new(Phase::Reloading { to: None }, watchdog);
        if let Some(watchdog) = &mut status.watchdog {
            watchdog.next = now;
        }
        status
    }

    fn new(phase: Phase, watchdog: Option<Duration>) -> Status {
        let watchdog = watchdog.map(|within| Watchdog { every: within / 2, next: Time::ZERO });
        Status {
            phase,
            serving: None,
            failure: None,
            line: String::new(),
            watchdog: watchdog.filter(|watchdog| !watchdog.every.is_zero()),
            messages: VecDeque::new(),
        }
    }

    /// So many nodes serve now.
    pub(crate) fn serves(&mut self, serving: Serving) {
        self.serving = Some(serving);
        if self.phase == Phase::Starting && serving.live >= serving.wanted {
            self.enter(Phase::Up, Telling::Ready);
        } else {
            self.tell_line();
        }
    }

    pub(crate) fn reload_began(&mut self, to: Generation) {
        self.failure = None;
        if self.phase == Phase::Up {
            self.enter(Phase::Reloading { to: Some(to) }, Telling::Reloading);
        }
    }

    pub(crate) fn reload_ended(&mut self) {
        self.end_reload();
    }

    /// A reload came to nothing: `why` is one line.
    pub(crate) fn reload_failed(&mut self, to: Generation, why: &str) {
        self.failure = Some(format!("the reload to generation {to} failed: {why}"));
        self.end_reload();
    }

    fn end_reload(&mut self) {
        match self.phase {
            Phase::Reloading { .. } => self.enter(Phase::Up, Telling::Ready),
            Phase::Starting | Phase::Up | Phase::Stopping => self.tell_line(),
        }
    }

    /// The program stops.
    pub(crate) fn stops(&mut self) {
        if self.phase != Phase::Stopping {
            self.enter(Phase::Stopping, Telling::Stopping);
        }
    }

    /// The program ends, `why` it had to: the last thing that is told.
    pub(crate) fn fails(&mut self, why: &str) {
        self.stops();
        self.messages.push_back(vec![Telling::Status(one_line(why))]);
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
            self.messages.push_back(vec![Telling::Watchdog]);
        }
    }

    /// What to tell next, all of it in one message.
    pub(crate) fn poll(&mut self) -> Option<Vec<Telling>> {
        self.messages.pop_front()
    }

    fn enter(&mut self, phase: Phase, telling: Telling) {
        self.phase = phase;
        let mut message = vec![telling];
        message.extend(self.new_line());
        self.messages.push_back(message);
    }

    fn tell_line(&mut self) {
        if let Some(line) = self.new_line() {
            self.messages.push_back(vec![line]);
        }
    }

    /// The status line, if it is another than before.
    fn new_line(&mut self) -> Option<Telling> {
        let line = self.line()?;
        (line != self.line).then(|| {
            self.line.clone_from(&line);
            Telling::Status(line)
        })
    }

    fn line(&self) -> Option<String> {
        let Serving { live, wanted, generation } = self.serving?;
        let nodes = format!("{live} of {wanted} nodes, generation {generation}");
        Some(match (self.phase, &self.failure) {
            (Phase::Stopping, _) => "stopping".to_owned(),
            (Phase::Reloading { to: Some(to) }, _) => {
                format!("{nodes}, reloading to generation {to}")
            }
            (Phase::Reloading { to: None }, _) => format!("{nodes}, reloading"),
            (Phase::Starting | Phase::Up, Some(failure)) => {
                one_line(&format!("{nodes}; {failure}"))
            }
            (Phase::Starting | Phase::Up, None) => nodes,
        })
    }
}

/// `text` without line ends, which would begin another assignment.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests;
