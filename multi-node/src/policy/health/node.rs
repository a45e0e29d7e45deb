//! One node under watch: what it is held to, and how it does.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{MATURE, Pace, Rules, Vitals};
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
    mature_at: Time,
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
            mature_at: now.saturating_add(MATURE),
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

/// How far a node is in its life, as far as can be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum State {
    Starting,
    Serving {
        /// How long somebody had been looking when it last beat; `None` if it never did.
        last: Option<Time>,
    },
    Hung,
    Leaving,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Watched {
    terms: Terms,
    pub(super) state: State,
    /// What it last said of itself.
    pub(super) vitals: Vitals,
    /// Whether that was said: a worker is tired once.
    tired: bool,
}

impl Watched {
    pub(super) fn new(terms: Terms) -> Watched {
        Watched { terms, state: State::Starting, vitals: Vitals::default(), tired: false }
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

    /// When it will be too old, unless it is tired already.
    pub(super) fn due(&self) -> Option<Time> {
        self.terms.too_old_at.filter(|_| self.can_tire())
    }

    /// The limit that it has reached; once.
    pub(super) fn tire(&mut self, now: Time) -> Option<Weariness> {
        let why = self.reached(now).filter(|_| self.can_tire());
        self.tired |= why.is_some();
        why
    }

    fn reached(&self, now: Time) -> Option<Weariness> {
        let Terms { too_old_at, connections, memory, mature_at, .. } = self.terms;
        let Vitals { accepted, resident } = self.vitals;
        if too_old_at.is_some_and(|at| at <= now) {
            Some(Weariness::Lifetime)
        } else if connections.is_some_and(|most| most <= accepted) {
            Some(Weariness::Connections)
        } else if memory.is_some_and(|most| most <= resident) && mature_at <= now {
            Some(Weariness::Memory)
        } else {
            None
        }
    }

    /// When it last beat, if it is one that can hang.
    fn since(&self) -> Option<Time> {
        match self.state {
            State::Serving { last } => last.filter(|_| self.terms.hang_timeout.is_some()),
            State::Starting | State::Hung | State::Leaving => None,
        }
    }

    /// From when it was due to beat again it has all of `hang_timeout`.
    fn most_silence(&self) -> Option<Duration> {
        Some(self.terms.hang_timeout?.saturating_add(self.terms.beat()?))
    }

    fn can_tire(&self) -> bool {
        match self.state {
            State::Serving { .. } => !self.tired,
            State::Starting | State::Hung | State::Leaving => false,
        }
    }
}
