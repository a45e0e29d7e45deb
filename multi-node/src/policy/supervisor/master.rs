//! The master's own node, as far as supervision depends on it.
//!
//! ```text
//!  Starting ──Ready──▶ Ready ──told to drain──▶ Draining ──main ended, or is cut off──▶ Gone
//!     │ └─────────────────┴── main ended by itself ───────────────────────────────────────▲
//!     │                                          in a reload: ──▶ Left ──Replace──▶ Starting
//!     └── main failed, a worker stands in ─────────────────────────▲
//! ```
//!
//! It is never killed: `main` that overruns its drain is left behind. A new master whose `main`
//! fails before it is ready does not end a program whose workers serve: its stand-in stays, and the
//! next reload tries again.

use serde::{Deserialize, Serialize};

use super::event::{Action, MainEnd, Notice, Who};
use super::{Phase, Supervisor, Time};
use crate::config::{NodeId, Slot};

/// The slot that is the master's; in a reload a worker stands in there.
pub(super) const MASTER_SLOT: Slot = 0;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Master {
    pub(super) node: NodeId,
    pub(super) state: MasterState,
    pub(super) hung: bool,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum MasterState {
    Starting,
    Ready,
    Draining {
        deadline: Time,
    },
    /// It drained for a reload, or failed with a stand-in at its place: there is no such node until
    /// the process is replaced.
    Left(MainEnd),
    /// Its `main` ended by itself or with the program, and is not to be run again.
    Gone(MainEnd),
}

impl Master {
    pub(super) fn starting(node: NodeId) -> Self {
        Master { node, state: MasterState::Starting, hung: false }
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        match self.state {
            MasterState::Draining { deadline } => Some(deadline),
            MasterState::Starting
            | MasterState::Ready
            | MasterState::Left(_)
            | MasterState::Gone(_) => None,
        }
    }

    /// How its `main` ended, once it is not waited for any more.
    pub(super) fn end(&self) -> Option<MainEnd> {
        match self.state {
            MasterState::Left(end) | MasterState::Gone(end) => Some(end),
            MasterState::Starting | MasterState::Ready | MasterState::Draining { .. } => None,
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        match self.state {
            MasterState::Ready => true,
            MasterState::Starting
            | MasterState::Draining { .. }
            | MasterState::Left(_)
            | MasterState::Gone(_) => false,
        }
    }

    /// Whether the next master runs `main`.
    pub(super) fn has_main(&self) -> bool {
        match self.state {
            MasterState::Gone(_) => false,
            MasterState::Starting
            | MasterState::Ready
            | MasterState::Draining { .. }
            | MasterState::Left(_) => true,
        }
    }
}

impl Supervisor {
    pub(super) fn master_ready(&mut self) {
        match self.master.state {
            MasterState::Starting => self.master.state = MasterState::Ready,
            MasterState::Ready
            | MasterState::Draining { .. }
            | MasterState::Left(_)
            | MasterState::Gone(_) => {}
        }
    }

    pub(super) fn drain_master(&mut self, now: Time) {
        match self.master.state {
            MasterState::Starting | MasterState::Ready => {
                let deadline = self.drain_deadline(now);
                self.master.state = MasterState::Draining { deadline };
                let node = self.master.node;
                self.actions.push_back(Action::Drain { node });
            }
            MasterState::Draining { .. } | MasterState::Left(_) | MasterState::Gone(_) => {}
        }
    }

    pub(super) fn master_ended(&mut self, now: Time, ok: bool) {
        if self.master.end().is_some() {
            return;
        }
        self.master_over(MainEnd::Ended { ok });
        match self.phase {
            Phase::FirstStart | Phase::Running | Phase::Reloading(_) => {
                if !self.master.has_main() && (!ok || !self.rules.outlives_main()) {
                    self.stop_with_main(now);
                }
            }
            Phase::Stopping(_) | Phase::Finished => {}
        }
    }

    pub(super) fn cut_off_overdue_master(&mut self, now: Time) {
        if self.master.deadline().is_some_and(|deadline| deadline <= now) {
            self.cut_off_master();
        }
    }

    pub(super) fn cut_off_master(&mut self) {
        if self.master.end().is_none() {
            self.master_over(MainEnd::CutOff);
            self.notice(Notice::MasterCutOff);
        }
    }

    /// In the drain of a reload the end of `main` means to go on, and so does a failure that a
    /// stand-in makes up for; at any other time it is over.
    fn master_over(&mut self, end: MainEnd) {
        self.master.hung = false;
        let is_made_up_for = self.is_made_up_for(end);
        self.master.state = if self.waits_for_master_to_leave() || is_made_up_for {
            MasterState::Left(end)
        } else {
            MasterState::Gone(end)
        };
        if is_made_up_for {
            self.notice(Notice::MasterFailed { node: self.master.node });
        }
    }

    fn is_made_up_for(&self, end: MainEnd) -> bool {
        let has_failed = match end {
            MainEnd::Ended { ok } => !ok,
            MainEnd::CutOff => false,
        };
        let never_ready = match self.master.state {
            MasterState::Starting => true,
            MasterState::Ready
            | MasterState::Draining { .. }
            | MasterState::Left(_)
            | MasterState::Gone(_) => false,
        };
        let stand_in = self.slots.get(&MASTER_SLOT).and_then(|slot| slot.occupant());
        has_failed && never_ready && !self.is_stopping() && stand_in.is_some()
    }

    pub(super) fn master_hangs(&mut self) {
        if self.master.end().is_none() && !self.master.hung {
            self.master.hung = true;
            let who = Who {
                node: self.master.node,
                slot: MASTER_SLOT,
                generation: self.generation,
                pid: None,
            };
            self.notice(Notice::Hung { who });
        }
    }

    pub(super) fn recovered(&mut self, node: NodeId) {
        if node == self.master.node && self.master.hung {
            self.master.hung = false;
            self.notice(Notice::Recovered { node });
        }
    }
}
