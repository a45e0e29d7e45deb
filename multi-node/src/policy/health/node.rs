//! One node under watch: what it is held to, and how it does.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Pace, Rules, Vitals};
use crate::policy::Time;
use crate::policy::jitter::Jitter;
use crate::policy::supervisor::Weariness;

/// Beats within one `hang_timeout`.
const BEATS: u32 = 4;

/// The shortest time between two beats: what a runtime's timer can do.
const SHORTEST: Duration = Duration::from_millis(1);

/// The time between two reports of a worker whose memory is limited.
const REPORTS: Duration = Duration::from_secs(15);

/// What one node is held to, from its start to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Terms {
    hang_timeout: Option<Duration>,
    too_old_at: Option<Time>,
    connections: Option<u64>,
    memory: Option<u64>,
}

impl Terms {
    /// The terms of a node that starts now.
    pub(super) fn draw(now: Time, rules: Rules, jitter: &mut Jitter) -> Terms {
        let Rules { hang_timeout, limits } = rules;
        Terms {
            hang_timeout,
            too_old_at: limits.lifetime.map(|age| now.saturating_add(jitter.time(age))),
            connections: limits.connections.map(|most| jitter.number(most)),
            memory: limits.memory.map(|most| jitter.number(most)),
        }
    }

    pub(super) fn pace(self) -> Pace {
        Pace {
            beat: self.beat(),
            report: self.memory.map(|_| REPORTS),
            report_at: self.connections,
        }
    }

    fn beat(self) -> Option<Duration> {
        self.hang_timeout.map(|timeout| (timeout / BEATS).max(SHORTEST))
    }
}

/// How far a node is in its life, as far as its beats tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum State {
    /// It has not beaten yet, and maybe never will.
    Starting,
    Beating {
        /// How long somebody had been looking when it last beat.
        last: Time,
    },
    Hung,
    Leaving,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Watched {
    terms: Terms,
    pub(super) state: State,
    /// Whether that was said: a worker is tired once.
    tired: bool,
}

impl Watched {
    pub(super) fn new(terms: Terms) -> Watched {
        Watched { terms, state: State::Starting, tired: false }
    }

    /// How often it is to be looked at, while it can hang.
    pub(super) fn pace_that_binds(&self) -> Option<Duration> {
        self.since().and(self.terms.beat())
    }

    /// How long it has been silent, if that is too long.
    pub(super) fn hangs(&self, awake: Time) -> Option<Duration> {
        let silent = awake.saturating_sub(self.since()?);
        (silent >= self.most_silence()?).then_some(silent)
    }

    /// How much longer it may be silent.
    pub(super) fn patience(&self, awake: Time) -> Option<Duration> {
        let silent = awake.saturating_sub(self.since()?);
        Some(self.most_silence()?.saturating_sub(silent))
    }

    /// When it will be too old, unless that was said.
    pub(super) fn due(&self) -> Option<Time> {
        self.terms.too_old_at.filter(|_| self.can_tire())
    }

    /// Whether it has become too old; once.
    pub(super) fn too_old(&mut self, now: Time) -> bool {
        let old = self.due().is_some_and(|due| due <= now);
        self.tired |= old;
        old
    }

    /// The limit that it has reached by what it said; once.
    pub(super) fn tired_by(&mut self, vitals: Vitals) -> Option<Weariness> {
        let reached = |limit: Option<u64>, value| limit.is_some_and(|limit| value >= limit);
        let why = if reached(self.terms.connections, vitals.accepted) {
            Weariness::Connections
        } else if reached(self.terms.memory, vitals.resident) {
            Weariness::Memory
        } else {
            return None;
        };
        let first = self.can_tire();
        self.tired |= first;
        first.then_some(why)
    }

    /// When it last beat, if it is one that can hang.
    fn since(&self) -> Option<Time> {
        match (self.state, self.terms.hang_timeout) {
            (State::Beating { last }, Some(_)) => Some(last),
            (State::Starting | State::Beating { .. } | State::Hung | State::Leaving, _) => None,
        }
    }

    /// From when it was due to beat again it has all of `hang_timeout`.
    fn most_silence(&self) -> Option<Duration> {
        Some(self.terms.hang_timeout?.saturating_add(self.terms.beat()?))
    }

    fn can_tire(&self) -> bool {
        match self.state {
            State::Starting | State::Beating { .. } => !self.tired,
            State::Hung | State::Leaving => false,
        }
    }
}
