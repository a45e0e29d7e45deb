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
//!     ▼             ◀───────────────────────┘ │ queued for PATIENCE or more without progress,
//!  Observed ──────────────────────────────────┘ time without a CPU not counted; or for LIMIT
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
/// Together with [`PERIOD`]: a connection waits 80 ms at most for a node that has the CPU that it
/// wants. Time in which it has none is not counted: its siblings would be no faster, and what they
/// took of it would leave the family uneven.
pub(crate) const PATIENCE: Duration = Duration::from_millis(25);

/// How long something must have been queued without progress before the sibling counts as stuck
/// whatever it had of the CPUs.
pub(crate) const LIMIT: Duration = Duration::from_secs(1);

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

/// What a sibling has had of the CPUs since it began. All zero where nobody can say, and then no
/// wait of it is excused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cpu {
    /// Whether it runs, or waits for a CPU, right now.
    pub(crate) runnable: bool,
    /// Time that it ran.
    pub(crate) ran: Duration,
    /// Time that it waited for a CPU before it ran; a wait that still lasts is not in it.
    pub(crate) delayed: Duration,
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
    waiting_since: Option<Moment>,
}

/// A time, and what a sibling had had of the CPUs by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    at: Time,
    cpu: Cpu,
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

    /// Something queued at an armed sibling. `cpu` is asked when the answer matters.
    pub(crate) fn handle_fired(
        &mut self,
        now: Time,
        slot: Slot,
        health: Health,
        cpu: impl FnOnce() -> Cpu,
    ) {
        let Some(state) = self.state_mut(slot).filter(|state| **state == State::Armed) else {
            return;
        };
        if health == Health::Unwell {
            *state = State::Taking;
        } else {
            let waiting_since = Some(Moment { at: now, cpu: cpu() });
            *state = State::Observed(Observation { health, waiting_since });
            self.due.get_or_insert(now + PERIOD);
        }
    }

    /// The time that [`poll_timeout`](Siblings::poll_timeout) named has come: looks at every
    /// sibling under observation. `cpu` is asked when the answer matters.
    pub(crate) fn handle_timeout(
        &mut self,
        now: Time,
        look: impl Fn(Slot) -> Look,
        cpu: impl Fn(Slot) -> Cpu,
    ) {
        self.due = None;
        for (slot, state) in &mut self.watched {
            let State::Observed(before) = *state else {
                continue;
            };
            let look = look(*slot);
            *state = before.next(now, look, || cpu(*slot));
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
    fn next(self, now: Time, look: Look, cpu: impl FnOnce() -> Cpu) -> State {
        if look.health == Health::Unwell && look.queued {
            return State::Taking;
        }
        let progressed = look.health != self.health;
        if !progressed && !look.queued {
            return State::Armed;
        }
        if !look.queued {
            return State::Observed(Observation { health: look.health, waiting_since: None });
        }
        let now = Moment { at: now, cpu: cpu() };
        let since = self.waiting_since.filter(|_| !progressed).unwrap_or(now);
        if now.is_too_long_after(since) {
            return State::Taking;
        }
        State::Observed(Observation { health: look.health, waiting_since: Some(since) })
    }
}

impl Moment {
    /// Whether a sibling with a CPU would long have looked after what has been queued since then.
    fn is_too_long_after(self, since: Moment) -> bool {
        let waited = self.at.saturating_sub(since.at);
        let starved = if self.cpu.runnable {
            // A wait that still lasts is in no account: it is what remains beside the running.
            waited.saturating_sub(self.cpu.ran.saturating_sub(since.cpu.ran))
        } else {
            self.cpu.delayed.saturating_sub(since.cpu.delayed)
        };
        waited >= LIMIT || waited.saturating_sub(starved) >= PATIENCE
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
