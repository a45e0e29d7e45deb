//! Which nodes hang, and which workers have done enough.
//!
//! Told of the beats that nodes send from their runtimes, it says who fell silent, who is back,
//! and who reached a limit. What becomes of them is the supervisor's to decide.
//!
//! ```text
//!  Starting ──ready──▶ Serving ──silent for too long──▶ Hung
//!      │                │   ▲                             │
//!      │                │   └─────────beats again─────────┤
//!      └─────drains─────┴──────────────▶ Leaving ◀────────┘
//! ```
//!
//! - **Watched from the first beat on that comes when it is ready**: until then `start_timeout` is
//!   what counts. Who never beats (a plain `fn main`, a program that does not listen) never hangs.
//! - **Hung** is who has been silent for `hang_timeout` since its next beat was due: the runtime
//!   was stuck for at least that long, and for a quarter more at most.
//! - **Being suspended is no silence.** Time counts as long as somebody looks at it, at least
//!   once a beat. When nobody looked for more than two, supervision was stopped itself, or the
//!   machine slept, and nobody can be blamed for that time.
//! - **Tired** is a worker that reached a limit, each worker its own: up to a tenth less or more
//!   than the option says. It is said once. Memory is no matter for the first [`MATURE`] of a
//!   worker's life: a limit below what the program needs at all must not make it spin.

mod node;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::node::{State, Terms, Watched};
use super::Time;
use super::jitter::Jitter;
use super::supervisor::Weariness;
use crate::config::{Limits, NodeId};

/// The age up to which a worker may be as large as it likes.
pub(crate) const MATURE: Duration = Duration::from_secs(5);

/// What a node is held to, by the options that it starts with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// `None`: nobody hangs.
    pub(crate) hang_timeout: Option<Duration>,
    pub(crate) limits: Limits,
}

/// How often a node is to be heard; `None` for not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pace {
    /// That its runtime is alive.
    pub(crate) beat: Option<Duration>,
    /// How it is; a beat says that too.
    pub(crate) report: Option<Duration>,
    /// How it is, once it has accepted so many connections.
    pub(crate) report_at: Option<u64>,
}

/// What a node says of itself, as far as limits go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Vitals {
    /// Connections accepted since its start.
    pub(crate) accepted: u64,
    /// Resident memory, in bytes.
    pub(crate) resident: u64,
}

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It has been silent for so long since its last beat. [`Health::excused`] takes it back.
    Hung { node: NodeId, silent: Duration },
    /// It hung, and beats again.
    Recovered { node: NodeId },
    /// It reached a limit.
    Tired { node: NodeId, why: Weariness },
}

/// Watches the nodes of one program. After every call, poll the findings until there are none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Health {
    jitter: Jitter,
    nodes: BTreeMap<NodeId, Watched>,
    /// Time that somebody looked at.
    awake: Time,
    /// When that was the last time.
    looked: Time,
    #[serde(skip)]
    findings: VecDeque<Finding>,
}

impl Health {
    /// Nobody to watch yet; `seed` makes the limits of each program its own.
    pub(crate) fn new(seed: u64) -> Self {
        Health {
            jitter: Jitter::new(seed),
            nodes: BTreeMap::new(),
            awake: Time::ZERO,
            looked: Time::ZERO,
            findings: VecDeque::new(),
        }
    }

    /// The master's own node: it may hang, ready or not, but no limit retires it.
    pub(crate) fn adopted(&mut self, now: Time, node: NodeId, rules: Rules) -> Pace {
        let pace = self.started(now, node, Rules { limits: Limits::default(), ..rules });
        self.ready(now, node);
        pace
    }

    /// A worker starts, and is held to `rules` to its end.
    pub(crate) fn started(&mut self, now: Time, node: NodeId, rules: Rules) -> Pace {
        let terms = Terms::draw(now, rules, &mut self.jitter);
        self.nodes.insert(node, Watched::new(terms));
        terms.pace()
    }

    /// A worker can serve.
    pub(crate) fn ready(&mut self, now: Time, node: NodeId) {
        if let Some(watched) = self.nodes.get_mut(&node)
            && watched.state == State::Starting
        {
            watched.state = State::Serving { last: None };
            self.tire(now, node);
        }
    }

    /// A node beat. What comes from a node unknown, or from one that leaves, changes nothing.
    pub(crate) fn beat(&mut self, now: Time, node: NodeId, vitals: Vitals) {
        self.look(now);
        let Some(watched) = self.nodes.get_mut(&node) else {
            return;
        };
        match watched.state {
            State::Serving { .. } => {}
            State::Hung => self.findings.push_back(Finding::Recovered { node }),
            State::Starting | State::Leaving => return self.reported(now, node, vitals),
        }
        watched.state = State::Serving { last: Some(self.awake) };
        self.reported(now, node, vitals);
    }

    /// A node says how it is; unlike a beat that promises no other.
    pub(crate) fn reported(&mut self, now: Time, node: NodeId, vitals: Vitals) {
        if let Some(watched) = self.nodes.get_mut(&node) {
            watched.vitals = vitals;
            self.tire(now, node);
        }
    }

    /// A node that was found hung is not: it was kept from beating. Its time begins anew.
    pub(crate) fn excused(&mut self, now: Time, node: NodeId) {
        self.look(now);
        if let Some(watched) = self.nodes.get_mut(&node)
            && watched.state == State::Hung
        {
            watched.state = State::Serving { last: Some(self.awake) };
        }
    }

    /// A node drains: it may be as silent and as old as it likes.
    pub(crate) fn draining(&mut self, node: NodeId) {
        if let Some(watched) = self.nodes.get_mut(&node) {
            watched.state = State::Leaving;
        }
    }

    /// A node is gone, or its runtime is.
    pub(crate) fn gone(&mut self, node: NodeId) {
        self.nodes.remove(&node);
    }

    /// Finds who is silent for too long or too old; does nothing before [`Health::poll_timeout`].
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        self.look(now);
        for (&node, watched) in &mut self.nodes {
            if let Some(silent) = watched.hangs(self.awake) {
                watched.state = State::Hung;
                self.findings.push_back(Finding::Hung { node, silent });
            }
            let tired = watched.tire(now);
            self.findings.extend(tired.map(|why| Finding::Tired { node, why }));
        }
    }

    /// When to call [`Health::handle_timeout`] next, unless a node beats first.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        let next_look = self.shortest_pace().map(|every| self.looked.saturating_add(every));
        let silences = self.nodes.values().filter_map(|watched| watched.patience(self.awake));
        let silences = silences.map(|patience| self.looked.saturating_add(patience));
        let ages = self.nodes.values().filter_map(Watched::due);
        silences.chain(ages).chain(next_look).min()
    }

    /// The next finding.
    pub(crate) fn poll(&mut self) -> Option<Finding> {
        self.findings.pop_front()
    }

    fn tire(&mut self, now: Time, node: NodeId) {
        let tired = self.nodes.get_mut(&node).and_then(|watched| watched.tire(now));
        self.findings.extend(tired.map(|why| Finding::Tired { node, why }));
    }

    /// Lets the time pass that somebody looked at.
    fn look(&mut self, now: Time) {
        let gap = now.saturating_sub(self.looked);
        self.looked = now;
        let suspended = self.shortest_pace().is_some_and(|every| gap > every.saturating_mul(2));
        if !suspended {
            self.awake = self.awake.saturating_add(gap);
        }
    }

    /// How often to look at least, if anybody can hang.
    fn shortest_pace(&self) -> Option<Duration> {
        self.nodes.values().filter_map(Watched::pace_that_binds).min()
    }
}
