//! Who waits for which answer of one other node. It keeps and decides; it sends nothing and wakes
//! nobody: it says who is to be woken.
//!
//! ```text
//!            answer               taken
//!   Waiting ────────▶ Answered ──────────▶ free
//!      │ given up                            ▲
//!      └────────────▶ Abandoned ─────────────┘
//!                                 answer
//! ```
//!
//! A request that was given up keeps its place until the other side is done with it, so that no
//! node ever works on more than [`AT_ONCE`] requests of another.

use std::mem;
use std::task::{Context, Poll, Waker};

use serde::{Deserialize, Serialize};

use crate::link::error::CloseReason;

/// The most requests of one type that one node has under way at another.
pub(in crate::node) const AT_ONCE: usize = 4096;

/// Bits of an [`Id`] that are its place.
const PLACE: u32 = 16;

/// A request's name between two nodes, never used again: its place here, and how many came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Id(u64);

impl Id {
    fn new(place: usize, turn: u64) -> Self {
        Id(turn << PLACE | place as u64)
    }

    /// Where it is kept, on either side; less than [`AT_ONCE`] in one of our own.
    pub(super) fn place(self) -> usize {
        (self.0 & ((1 << PLACE) - 1)) as usize
    }
}

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer<R> {
    Reply(R),
    /// The handler let go of it.
    Nothing,
    /// There is no handler, or it takes no more.
    NotServed,
}

/// What an answer did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Settled<R> {
    /// It waits to be taken.
    Kept,
    /// Whoever asked had given up: the place is free, and the answer nobody's.
    Freed(Answer<R>),
    /// Nobody asked.
    Unasked(Answer<R>),
}

/// What became of a place whose asker left.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left<R> {
    /// It is free; an answer that nobody took is left over.
    Free(Option<Answer<R>>),
    /// It is not free before the other side, which is to be told, has answered.
    Abandoned,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Waiting<R> {
    places: Vec<(Id, State<R>)>,
    free: Vec<usize>,
    turn: u64,
    closed: Option<CloseReason>,
}

#[derive(Debug)]
enum State<R> {
    Free,
    Waiting(Option<Waker>),
    Answered(Answer<R>),
    Abandoned,
}

impl<R> Waiting<R> {
    pub(super) fn new() -> Self {
        Waiting { places: Vec::new(), free: Vec::new(), turn: 0, closed: None }
    }

    /// Takes a place; the caller sees to it that there are not too many.
    ///
    /// # Errors
    /// When no answer will ever come.
    pub(super) fn begin(&mut self) -> Result<Id, CloseReason> {
        if let Some(reason) = self.closed {
            return Err(reason);
        }
        let place = self.free.pop().unwrap_or(self.places.len());
        let id = Id::new(place, self.turn);
        self.turn += 1;
        match self.places.get_mut(place) {
            Some(slot) => *slot = (id, State::Waiting(None)),
            None => self.places.push((id, State::Waiting(None))),
        }
        Ok(id)
    }

    /// The other side answered; who waits for it is to be woken.
    pub(super) fn answer(&mut self, id: Id, answer: Answer<R>) -> (Settled<R>, Option<Waker>) {
        let Some(state) = self.state(id) else { return (Settled::Unasked(answer), None) };
        match state {
            State::Waiting(waker) => {
                let waker = waker.take();
                *state = State::Answered(answer);
                (Settled::Kept, waker)
            }
            State::Abandoned => {
                self.free(id);
                (Settled::Freed(answer), None)
            }
            State::Free | State::Answered(_) => (Settled::Unasked(answer), None),
        }
    }

    /// Ready with the answer, once; an answer that came before the end still counts.
    pub(super) fn poll(
        &mut self,
        id: Id,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer<R>, CloseReason>> {
        let closed = self.closed;
        let Some(state) = self.state(id) else {
            return Poll::Ready(Err(closed.unwrap_or(CloseReason::Ended)));
        };
        match mem::replace(state, State::Waiting(None)) {
            State::Answered(answer) => Poll::Ready(Ok(answer)),
            _ if closed.is_some() => Poll::Ready(Err(closed.unwrap_or(CloseReason::Ended))),
            _ => {
                *state = State::Waiting(Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }

    /// Whoever asked goes; `outstanding` when the request was sent and no answer taken.
    pub(super) fn leave(&mut self, id: Id, outstanding: bool) -> Left<R> {
        let closed = self.closed.is_some();
        let Some(state) = self.state(id) else { return Left::Free(None) };
        match mem::replace(state, State::Abandoned) {
            State::Waiting(_) if outstanding && !closed => Left::Abandoned,
            State::Answered(answer) => {
                self.free(id);
                Left::Free(Some(answer))
            }
            State::Free | State::Waiting(_) | State::Abandoned => {
                self.free(id);
                Left::Free(None)
            }
        }
    }

    /// No answer comes any more; all who wait are to be woken.
    pub(super) fn close(&mut self, reason: CloseReason) -> Vec<Waker> {
        self.closed.get_or_insert(reason);
        let wakers = self.places.iter_mut().filter_map(|(_, state)| match state {
            State::Waiting(waker) => waker.take(),
            State::Free | State::Answered(_) | State::Abandoned => None,
        });
        wakers.collect()
    }

    fn free(&mut self, id: Id) {
        if let Some(state) = self.state(id) {
            *state = State::Free;
            self.free.push(id.place());
        }
    }

    fn state(&mut self, id: Id) -> Option<&mut State<R>> {
        let (found, state) = self.places.get_mut(id.place())?;
        (*found == id).then_some(state)
    }
}

#[cfg(test)]
mod tests;
