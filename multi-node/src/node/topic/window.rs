//! How much of one topic may be under way to one node, and who waits to send more.
//!
//! It counts and keeps the queue, as `link::lane` does for a channel; it sends nothing and wakes
//! nobody: it says who is to be woken.

use std::collections::VecDeque;
use std::task::Waker;

use crate::link::error::{CloseReason, SendError, TrySendError};

/// What a message takes beside its bytes, so that a window bounds small ones too.
const OVERHEAD: usize = 64;

/// What a message of so many bytes takes of a window.
pub(super) fn cost(bytes: usize) -> usize {
    bytes.saturating_add(OVERHEAD)
}

/// How much may be consumed before it is credited. A sender may always have so much under way and
/// one message more, so that it never waits for a credit that is not to come.
pub(super) fn unsaid(window: usize) -> usize {
    window / 4
}

/// The window of one subscribed node, seen from a publisher. See the module.
#[derive(Debug)]
pub(super) struct Window {
    /// `None`: the node takes whatever comes.
    size: Option<usize>,
    in_flight: usize,
    closed: Option<CloseReason>,
    /// Who waits to send, in order; only the first may go.
    waiting: VecDeque<Waiter>,
    next_ticket: u64,
    /// Messages that were not sent, which the node has not been told yet.
    missed: u64,
}

#[derive(Debug)]
struct Waiter {
    ticket: u64,
    waker: Waker,
}

impl Window {
    pub(super) fn new(size: Option<usize>) -> Self {
        Window {
            size,
            in_flight: 0,
            closed: None,
            waiting: VecDeque::new(),
            next_ticket: 0,
            missed: 0,
        }
    }

    /// Charges a message that goes at once; false when nothing is charged on this window.
    ///
    /// # Errors
    /// `Full` when it has to wait, or others do; otherwise when the node takes no more.
    pub(super) fn charge(&mut self, cost: usize) -> Result<bool, TrySendError> {
        if !self.waiting.is_empty() && self.closed.is_none() {
            return Err(TrySendError::Full);
        }
        self.charge_next(cost)
    }

    fn charge_next(&mut self, cost: usize) -> Result<bool, TrySendError> {
        if let Some(reason) = self.closed {
            return Err(SendError::Closed { reason }.into());
        }
        let Some(size) = self.size else { return Ok(false) };
        let total = self.in_flight.saturating_add(cost);
        if total > size && self.in_flight > unsaid(size) {
            return Err(TrySendError::Full);
        }
        self.in_flight = total;
        Ok(true)
    }

    /// Takes a place at the end of the queue.
    pub(super) fn queue(&mut self, waker: &Waker) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.waiting.push_back(Waiter { ticket, waker: waker.clone() });
        ticket
    }

    /// As [`charge`](Window::charge), for who has a place in the queue, which is kept.
    pub(super) fn charge_in_turn(
        &mut self,
        ticket: u64,
        cost: usize,
        waker: &Waker,
    ) -> Result<bool, TrySendError> {
        let is_first = self.waiting.front().is_some_and(|first| first.ticket == ticket);
        let charged = if is_first || self.closed.is_some() {
            self.charge_next(cost)
        } else {
            Err(TrySendError::Full)
        };
        if let Some(waiter) = self.waiting.iter_mut().find(|waiter| waiter.ticket == ticket) {
            waiter.waker.clone_from(waker);
        }
        charged
    }

    /// Gives up a place in the queue, used or not; the result is to be woken.
    pub(super) fn leave(&mut self, ticket: u64) -> Option<Waker> {
        self.waiting.retain(|waiter| waiter.ticket != ticket);
        self.first()
    }

    /// So much arrived and was received, or was not sent after all; the result is to be woken.
    pub(super) fn credit(&mut self, bytes: usize) -> Option<Waker> {
        self.in_flight = self.in_flight.saturating_sub(bytes);
        self.first()
    }

    /// The node changed its mind; the result is to be woken.
    pub(super) fn resize(&mut self, size: Option<usize>) -> Option<Waker> {
        self.size = size;
        self.first()
    }

    fn first(&self) -> Option<Waker> {
        self.waiting.front().map(|first| first.waker.clone())
    }

    /// The node takes no more; all of the result are to be woken.
    pub(super) fn close(&mut self, reason: CloseReason) -> impl Iterator<Item = Waker> {
        self.closed.get_or_insert(reason);
        self.waiting.iter().map(|waiter| waiter.waker.clone())
    }

    /// Whether messages were missed that the node does not know of yet: those that follow wait for
    /// that, or it would learn of them at the wrong place.
    pub(super) fn has_missed(&self) -> bool {
        self.missed > 0
    }

    /// A message was not sent; true for the first that the node does not know of.
    pub(super) fn miss(&mut self) -> bool {
        self.missed += 1;
        self.missed == 1
    }

    pub(super) fn missed(&self) -> u64 {
        self.missed
    }

    /// The node knows of so many; true when there are more.
    pub(super) fn told_missed(&mut self, messages: u64) -> bool {
        self.missed -= messages;
        self.missed > 0
    }
}

#[cfg(test)]
mod tests;
