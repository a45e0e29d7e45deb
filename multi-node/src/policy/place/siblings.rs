//! When a sibling no longer looks after its queue, and whose queue a node watches.
//!
//! A node watches the next nodes of the ring: two that watch others in turn, and every one
//! before those that does not, so that whoever hangs or dies, its queue and the queues that it
//! watched are still watched by somebody.
//!
//! ```text
//!          fired, sibling unwell                       emptied
//!   Armed ───────────────────────────────▶ Taking ───────────────▶ Armed
//!     │ fired, sibling well         refused │ ▲
//!     ▼             ◀───────────────────────┘ │ queued at two looks PATIENCE or more apart,
//!  Observed ──────────────────────────────────┘ and no progress between them
//!     │ ▲ progress, or queued for too short a time: look again a PERIOD later
//!     │ └─┘
//!     ▼ nothing queued and no progress: Armed
//! ```
//!
//! A busy sibling stays `Observed`: one look every [`PERIOD`] however many connections it gets.
//! A family at rest is `Armed` throughout: no timer runs and nobody wakes.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Time, others};
use crate::config::Slot;

/// Between two looks at a sibling, while there is something to see.
pub(crate) const PERIOD: Duration = Duration::from_millis(40);

/// How long something must have been queued without progress before the sibling counts as stuck.
/// Together with [`PERIOD`]: a connection waits 80 ms at most. Shorter would catch the sooner who
/// hangs, and the oftener who only waits for a CPU.
pub(crate) const PATIENCE: Duration = Duration::from_millis(25);

/// How many nodes that watch others in turn a node watches: with two, neighbours may hang
/// together.
const COVER: usize = 2;

/// How a sibling is, as the load page says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// It accepts; the number changes whenever it looks for connections.
    Well { progress: u32 },
    /// Its user accepts from the bare listener: nobody knows whether it looks, and it watches
    /// nobody.
    Apart,
    /// It is dead, drains, or was found stuck: what queues there is for the taking.
    Unwell,
}

/// What a sibling looks like at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) health: Health,
    /// Whether anything waits in its queue or its inbox.
    pub(crate) queued: bool,
}

/// What is to be done about a sibling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Report when something queues there next.
    Arm(Slot),
    /// Mark it, so that nobody passes it connections.
    MarkStuck(Slot),
}

/// The siblings that a node watches.
#[derive(Debug, Default)]
pub(crate) struct Siblings {
    watched: Vec<(Slot, State)>,
    due: Option<Time>,
    actions: VecDeque<Action>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Armed,
    Observed(Observation),
    Taking,
}

/// What the last look saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Observation {
    health: Health,
    /// Since when something has been queued and no progress made.
    waiting_since: Option<Time>,
}

impl Siblings {
    /// Starts to watch a sibling that is armed.
    pub(crate) fn add(&mut self, slot: Slot) {
        self.watched.push((slot, State::Armed));
    }

    /// Watches a sibling no longer.
    pub(crate) fn remove(&mut self, slot: Slot) {
        self.watched.retain(|(watched, _)| *watched != slot);
        self.actions.retain(|action| action.slot() != slot);
    }

    /// Something queued at an armed sibling.
    pub(crate) fn handle_fired(&mut self, now: Time, slot: Slot, health: Health) {
        let Some(state) = self.state_mut(slot).filter(|state| **state == State::Armed) else {
            return;
        };
        if health == Health::Unwell {
            *state = State::Taking;
        } else {
            *state = State::Observed(Observation { health, waiting_since: Some(now) });
            self.due.get_or_insert(now + PERIOD);
        }
    }

    /// The time that [`poll_timeout`](Siblings::poll_timeout) named has come: looks at every
    /// sibling under observation.
    pub(crate) fn handle_timeout(&mut self, now: Time, look: impl Fn(Slot) -> Look) {
        self.due = None;
        for (slot, state) in &mut self.watched {
            let State::Observed(before) = *state else {
                continue;
            };
            let look = look(*slot);
            *state = before.next(now, look);
            match (*state, look.health) {
                (State::Armed, _) => self.actions.push_back(Action::Arm(*slot)),
                (State::Observed(_), _) => self.due = Some(now + PERIOD),
                (State::Taking, Health::Well { .. }) => {
                    self.actions.push_back(Action::MarkStuck(*slot));
                }
                // Who accepts apart makes no progress that shows, so a mark would never go.
                (State::Taking, Health::Apart | Health::Unwell) => {}
            }
        }
    }

    /// A sibling whose queue was being taken has nothing queued any more, or is well again.
    pub(crate) fn handle_taken(&mut self, slot: Slot) {
        if let Some(state) = self.state_mut(slot).filter(|state| **state == State::Taking) {
            *state = State::Armed;
            self.actions.push_back(Action::Arm(slot));
        }
    }

    /// A sibling's queue cannot be taken from: it does not listen yet, or no longer.
    pub(crate) fn handle_refused(&mut self, now: Time, slot: Slot) {
        if let Some(state) = self.state_mut(slot).filter(|state| **state == State::Taking) {
            // Arming it at once would report at once, again and again.
            *state = State::Observed(Observation { health: Health::Unwell, waiting_since: None });
            self.due.get_or_insert(now + PERIOD);
        }
    }

    /// The next thing to do.
    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`handle_timeout`](Siblings::handle_timeout) is due; `None` while all is quiet.
    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        self.due
    }

    /// A sibling whose queue is to be taken.
    pub(crate) fn taking(&self) -> Option<Slot> {
        self.watched.iter().find(|(_, state)| *state == State::Taking).map(|(slot, _)| *slot)
    }

    fn state_mut(&mut self, slot: Slot) -> Option<&mut State> {
        self.watched.iter_mut().find(|(watched, _)| *watched == slot).map(|(_, state)| state)
    }
}

impl Observation {
    fn next(self, now: Time, look: Look) -> State {
        if look.health == Health::Unwell && look.queued {
            return State::Taking;
        }
        let progressed = look.health != self.health;
        if !progressed && !look.queued {
            return State::Armed;
        }
        let since = if progressed { now } else { self.waiting_since.unwrap_or(now) };
        if look.queued && now.saturating_sub(since) >= PATIENCE {
            return State::Taking;
        }
        let waiting_since = look.queued.then_some(since);
        State::Observed(Observation { health: look.health, waiting_since })
    }
}

impl Action {
    fn slot(self) -> Slot {
        match self {
            Action::Arm(slot) | Action::MarkStuck(slot) => slot,
        }
    }
}

/// Whose queues the node in `slot` watches, nearest first, given who watches others in turn.
pub(crate) fn reach(
    slot: Slot,
    serving: RangeInclusive<Slot>,
    watches: impl Fn(Slot) -> bool,
) -> Vec<Slot> {
    let mut cover = 0;
    others(slot, serving)
        .take_while(|other| {
            let wanted = cover < COVER;
            cover += usize::from(watches(*other));
            wanted
        })
        .collect()
}
