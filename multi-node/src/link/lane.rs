//! The sending half of one channel: how much more the other side takes, and who waits for that.
//!
//! It counts and keeps the queue. It holds no bytes, writes nothing and wakes nobody: it says who
//! is to be woken.

use std::collections::VecDeque;
use std::mem;
use std::task::Waker;

use super::error::CloseReason;
use super::fds;
use super::frame::HEADER;

/// The window of one channel, seen from who sends. See the module.
#[derive(Debug)]
pub(crate) struct Lane {
    /// The other side's number for this channel.
    pub(super) remote: u16,
    /// Bytes that the payload of a frame may have.
    pub(super) max_frame: usize,
    /// Bytes of frames that the other side takes before it has consumed any.
    window: usize,
    /// Bytes of frames sent and not credited yet.
    in_flight: usize,
    closed: Option<CloseReason>,
    /// Who waits to send, in order; only the first may go.
    waiters: VecDeque<Waiter>,
    next_ticket: u64,
    /// Whether the other side has been told since its last credit that someone waits here.
    told_starved: bool,
}

/// Someone's place in the queue.
#[derive(Debug)]
struct Waiter {
    ticket: u64,
    /// Bytes that its frame takes, or the least it can take while it has not been tried.
    need: usize,
    waker: Waker,
}

impl Lane {
    pub(super) fn new(remote: u16, window: usize, max_frame: usize) -> Self {
        Lane {
            remote,
            max_frame,
            window,
            in_flight: 0,
            closed: None,
            waiters: VecDeque::new(),
            next_ticket: 0,
            told_starved: false,
        }
    }

    /// Whether a frame of `cost` bytes may go now. One larger than the window goes alone.
    #[inline]
    pub(super) fn fits(&self, cost: usize) -> bool {
        self.in_flight == 0 || self.in_flight.saturating_add(cost) <= self.window
    }

    /// What a frame of so many bytes and fds takes of the window.
    #[inline]
    pub(super) fn cost(&self, bytes: usize, fds: usize) -> usize {
        bytes.saturating_add(fds::cost(fds, self.window))
    }

    /// A frame of `cost` bytes goes.
    #[inline]
    pub(super) fn charge(&mut self, cost: usize) {
        self.in_flight = self.in_flight.saturating_add(cost);
    }

    /// Why the other side receives no more, when it does not.
    #[inline]
    pub(super) fn closed(&self) -> Option<CloseReason> {
        self.closed
    }

    /// Whether who comes now has to queue behind others.
    #[inline]
    pub(super) fn has_queue(&self) -> bool {
        !self.waiters.is_empty()
    }

    /// Takes a place at the end of the queue.
    pub(super) fn queue(&mut self, waker: &Waker) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.waiters.push_back(Waiter { ticket, need: HEADER, waker: waker.clone() });
        ticket
    }

    pub(super) fn is_first(&self, ticket: u64) -> bool {
        self.waiters.front().is_some_and(|first| first.ticket == ticket)
    }

    /// Keeps a place in the queue, with what is known of the frame.
    pub(super) fn wait(&mut self, ticket: u64, need: Option<usize>, waker: &Waker) {
        if let Some(waiter) = self.waiters.iter_mut().find(|waiter| waiter.ticket == ticket) {
            waiter.need = need.unwrap_or(waiter.need);
            waiter.waker.clone_from(waker);
        }
    }

    /// Gives up a place in the queue, used or not; the result is to be woken.
    pub(super) fn leave(&mut self, ticket: u64) -> Option<Waker> {
        let at = self.waiters.iter().position(|waiter| waiter.ticket == ticket)?;
        self.waiters.remove(at);
        if at == 0 { self.next_up() } else { None }
    }

    /// Someone waits at the head of the queue: true when the other side is to be told.
    pub(super) fn starve(&mut self) -> bool {
        !mem::replace(&mut self.told_starved, true)
    }

    /// The other side consumed that many bytes; what it claims beyond what it was sent is
    /// ignored. The result is to be woken.
    pub(super) fn credit(&mut self, bytes: usize) -> Option<Waker> {
        self.in_flight = self.in_flight.saturating_sub(bytes);
        self.told_starved = false;
        self.next_up()
    }

    fn next_up(&self) -> Option<Waker> {
        let first = self.waiters.front()?;
        (self.closed.is_some() || self.fits(first.need)).then(|| first.waker.clone())
    }

    /// The other side receives no more; the last reason given counts. All of the result is to be
    /// woken.
    pub(super) fn close(&mut self, reason: CloseReason) -> impl Iterator<Item = Waker> {
        self.closed = Some(reason);
        self.waiters.iter().map(|waiter| waiter.waker.clone())
    }
}
