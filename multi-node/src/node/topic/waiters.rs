//! Who waits until all nodes know of a time: each is woken when that has come, and not before.
//!
//! It keeps them in order and wakes nobody: it says who is to be woken.

use std::collections::BTreeMap;
use std::iter;
use std::task::Waker;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// By what they wait for, and one from another.
    wakers: BTreeMap<(u64, u64), Waker>,
    next_ticket: u64,
}

impl Waiters {
    /// A ticket to wait with.
    pub(super) fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    /// Waits, in place of before.
    pub(super) fn wait(&mut self, time: u64, ticket: u64, waker: &Waker) {
        self.wakers.insert((time, ticket), waker.clone());
    }

    /// Waits no more.
    pub(super) fn leave(&mut self, time: u64, ticket: u64) {
        self.wakers.remove(&(time, ticket));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.wakers.is_empty()
    }

    /// All nodes know of that time; all of the result are to be woken.
    pub(super) fn reached(&mut self, time: u64) -> Vec<Waker> {
        iter::from_fn(|| {
            let first = self.wakers.first_entry().filter(|first| first.key().0 <= time)?;
            Some(first.remove())
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_are_woken_whose_time_has_come_and_who_still_wait() {
        let mut waiters = Waiters::default();
        let tickets: Vec<u64> = (0..4).map(|_| waiters.ticket()).collect();
        for (time, ticket) in [3, 5, 5, 9].into_iter().zip(&tickets) {
            waiters.wait(time, *ticket, Waker::noop());
        }
        assert_eq!(waiters.reached(2).len(), 0);
        waiters.leave(5, tickets[1]);
        assert_eq!(waiters.reached(5).len(), 2);
        assert_eq!(waiters.reached(8).len(), 0);
        assert_eq!(waiters.reached(u64::MAX).len(), 1);
    }
}
