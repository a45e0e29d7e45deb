//! Watching siblings: does what `policy::place::siblings` decided.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::placement::Home;
use super::{Sockets, lock};
use crate::config::Slot;
use crate::policy::place::Time;
use crate::policy::place::siblings::{Action, Health, Look, Siblings, reach};
use crate::report;
use crate::sys::socket;
use crate::sys::watch::{Event, Watch, any_readable};

/// How long nothing is taken once fds or memory ran out.
pub(super) const REST: Duration = Duration::from_millis(80);

/// The siblings that this node watches, and what it borrowed of them.
pub(super) struct Ring {
    home: Home,
    begun: Instant,
    watch: Watch,
    /// Spares the look into `state` while there is nothing to take.
    taking: AtomicBool,
    resting: AtomicBool,
    rested: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    siblings: Siblings,
    lent: Vec<(Slot, Arc<Sockets>)>,
    wanted: Vec<Slot>,
    /// One at a time, so that a family that starts does not ask for everything at once.
    asked: Option<Slot>,
    rest_until: Option<Time>,
    alarm: Option<Time>,
}

impl Ring {
    pub(super) fn new(home: Home, begun: Instant) -> io::Result<Ring> {
        Ok(Ring {
            home,
            begun,
            watch: Watch::new()?,
            taking: AtomicBool::new(false),
            resting: AtomicBool::new(false),
            rested: Notify::new(),
            state: Mutex::default(),
        })
    }

    /// Begins with the next siblings, however they are: most may not have started yet. Returns
    /// the slot to borrow first.
    pub(super) fn begin(&self) -> Option<Slot> {
        let mut state = lock(&self.state);
        state.wanted = reach(self.home.slot, self.home.slots.all(), |_| true);
        state.ask()
    }

    /// Handles what the watch reports. Returns a slot to borrow.
    pub(super) fn attend(&self) -> io::Result<Option<Slot>> {
        // Locked first: another task that finds no events must see what became of them.
        let mut state = lock(&self.state);
        let mut events = Vec::new();
        self.watch.take_events(&mut events)?;
        if events.is_empty() {
            return Ok(None);
        }
        let now = self.now();
        for event in events {
            match event {
                Event::Fired(token) => {
                    let slot = slot_of(token);
                    state
                        .siblings
                        .handle_fired(now, slot, self.home.health(slot), || self.home.cpu(slot));
                }
                Event::Alarm => state.alarm = None,
            }
        }
        Ok(self.proceed(state, now))
    }

    /// Watches others, if the siblings' health says so. Returns a slot to borrow.
    ///
    /// A look that is due is left to the task that the alarm wakes: whoever calls this would not
    /// take what the look finds, and the alarm would be off.
    pub(super) fn reach_again(&self) -> Option<Slot> {
        let mut state = lock(&self.state);
        self.watch_in_reach(&mut state);
        state.ask()
    }

    /// Begins to watch what was borrowed. Returns the slot to borrow next.
    pub(super) fn lend(&self, slot: Slot, sockets: Sockets) -> Option<Slot> {
        let mut state = lock(&self.state);
        state.asked = state.asked.filter(|asked| *asked != slot);
        if state.wanted.contains(&slot) && state.sockets(slot).is_none() {
            match self.add(slot, &sockets) {
                Ok(()) => {
                    state.siblings.add(slot);
                    state.lent.push((slot, Arc::new(sockets)));
                }
                Err(error) => report::warn!("cannot watch the queue of slot {slot}: {error}"),
            }
        }
        state.ask()
    }

    /// A sibling whose queue is to be taken, with its sockets.
    pub(super) fn taking(&self) -> Option<(Slot, Arc<Sockets>)> {
        if !self.taking.load(Relaxed) {
            return None;
        }
        let state = lock(&self.state);
        let slot = state.siblings.taking()?;
        Some((slot, state.sockets(slot)?))
    }

    /// Whether a sibling whose queue was to be taken looks after it again.
    pub(super) fn has_recovered(&self, slot: Slot) -> bool {
        matches!(self.home.health(slot), Health::Well { .. })
    }

    /// A sibling's queue has been taken to the end, or it takes it itself again.
    pub(super) fn taken(&self, slot: Slot) {
        let mut state = lock(&self.state);
        state.siblings.handle_taken(slot);
        self.act(&mut state, self.now());
    }

    /// A sibling's queue cannot be taken from.
    pub(super) fn refused(&self, slot: Slot) {
        let mut state = lock(&self.state);
        let now = self.now();
        state.siblings.handle_refused(now, slot);
        self.act(&mut state, now);
    }

    /// Takes nothing for a while.
    pub(super) fn rest(&self) {
        let mut state = lock(&self.state);
        let now = self.now();
        state.rest_until = Some(now + REST);
        self.resting.store(true, Relaxed);
        self.act(&mut state, now);
    }

    pub(super) fn is_resting(&self) -> bool {
        self.resting.load(Relaxed)
    }

    /// Resolves when a rest ends.
    pub(super) fn rested(&self) -> Notified<'_> {
        self.rested.notified()
    }

    pub(super) fn close_for_all(&self) {
        for (_, sockets) in &lock(&self.state).lent {
            // Another node may have been first, which is as good.
            let _ = socket::close_for_all(sockets.listener.as_fd());
        }
    }

    fn now(&self) -> Time {
        self.begun.elapsed()
    }

    fn proceed(&self, mut state: MutexGuard<'_, State>, now: Time) -> Option<Slot> {
        let State { siblings, lent, .. } = &mut *state;
        if siblings.poll_timeout().is_some_and(|due| due <= now) {
            siblings.handle_timeout(now, |slot| self.look(lent, slot), |slot| self.home.cpu(slot));
        }
        self.act(&mut state, now);
        self.watch_in_reach(&mut state);
        state.ask()
    }

    fn look(&self, lent: &[(Slot, Arc<Sockets>)], slot: Slot) -> Look {
        let sockets = lent.iter().find(|(other, _)| *other == slot);
        let queued = sockets.is_some_and(|(_, sockets)| {
            any_readable([sockets.listener.as_fd(), sockets.inbox.as_fd()])
        });
        Look { health: self.home.health(slot), queued }
    }

    /// Carries out what was decided and sets the alarm for what comes next.
    fn act(&self, state: &mut State, now: Time) {
        while let Some(action) = state.siblings.poll_action() {
            match action {
                Action::Arm(slot) => self.arm(state, slot),
                Action::MarkStuck(slot) => {
                    report::debug!("slot {slot} leaves its queue alone: its connections are taken");
                    self.home.mark_stuck(slot);
                }
            }
        }
        if state.rest_until.is_some_and(|until| until <= now) {
            state.rest_until = None;
            self.resting.store(false, Relaxed);
            self.rested.notify_waiters();
        }
        self.taking.store(state.siblings.taking().is_some(), Relaxed);
        let alarm = [state.siblings.poll_timeout(), state.rest_until].into_iter().flatten().min();
        if alarm != state.alarm {
            state.alarm = alarm;
            log(self.watch.set_alarm(alarm.map(|at| at.saturating_sub(now))));
        }
    }

    fn watch_in_reach(&self, state: &mut State) {
        state.wanted = reach(self.home.slot, self.home.slots.all(), |slot| {
            matches!(self.home.health(slot), Health::Well { .. })
        });
        let State { siblings, lent, wanted, .. } = state;
        lent.retain(|(slot, sockets)| {
            let kept = wanted.contains(slot);
            if !kept {
                siblings.remove(*slot);
                log(self.watch.remove(sockets.listener.as_fd()));
                log(self.watch.remove(sockets.inbox.as_fd()));
            }
            kept
        });
    }

    fn add(&self, slot: Slot, sockets: &Sockets) -> io::Result<()> {
        let [listener, inbox] = tokens(slot);
        self.watch.add(sockets.listener.as_fd(), listener)?;
        self.watch.add(sockets.inbox.as_fd(), inbox).inspect_err(|_| {
            log(self.watch.remove(sockets.listener.as_fd()));
        })
    }

    fn arm(&self, state: &State, slot: Slot) {
        if let Some(sockets) = state.sockets(slot) {
            let [listener, inbox] = tokens(slot);
            log(self.watch.arm(sockets.listener.as_fd(), listener));
            log(self.watch.arm(sockets.inbox.as_fd(), inbox));
        }
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}

impl State {
    fn sockets(&self, slot: Slot) -> Option<Arc<Sockets>> {
        self.lent.iter().find(|(lent, _)| *lent == slot).map(|(_, sockets)| Arc::clone(sockets))
    }

    /// The next slot to borrow, unless an answer is still to come.
    fn ask(&mut self) -> Option<Slot> {
        if self.asked.is_some() {
            return None;
        }
        self.asked = self.wanted.iter().copied().find(|slot| self.sockets(*slot).is_none());
        self.asked
    }
}

/// The kernel refuses these only when it is out of memory; a watch that fails costs a stuck
/// sibling's clients their patience, which is no reason to stop serving.
fn log(done: io::Result<()>) {
    if let Err(error) = done {
        report::warn!("cannot watch the siblings' queues: {error}");
    }
}

fn tokens(slot: Slot) -> [u32; 2] {
    [u32::from(slot) * 2, u32::from(slot) * 2 + 1]
}

fn slot_of(token: u32) -> Slot {
    (token / 2) as Slot
}
