//! Where an accepted connection goes: to the node it reached, or to the emptiest one.
//!
//! Pure decisions over numbers that the caller read: no clock, no page, no socket. [`emptiest`]
//! finds who has less, [`Bucket`] bounds how often a connection is passed on at all, [`Drift`]
//! finds counts that a death left behind, and [`siblings`] decides when a sibling no longer looks
//! after its queue.

use std::time::Duration;

use crate::config::Slot;

pub(crate) mod siblings;
#[cfg(test)]
mod tests;

/// Time since the caller began to count.
pub(crate) type Time = Duration;

/// The candidate with the least load, if it has less than `mine`; the first of equals.
///
/// A new connection on a node with strictly less never makes it the fullest, so that the loads
/// stay within one of each other, and connections that come one by one to an even family stay
/// where they arrived.
pub(crate) fn emptiest<T>(mine: u32, loads: impl Iterator<Item = (T, u32)>) -> Option<(T, u32)> {
    loads.min_by_key(|(_, load)| *load).filter(|(_, load)| *load < mine)
}

/// The serving slots after `slot`, once around, without `slot` itself.
///
/// Every node looks at the others in another order, so that equals are not all offered to the
/// same one.
pub(crate) fn others(
    slot: Slot,
    serving: std::ops::RangeInclusive<Slot>,
) -> impl Iterator<Item = Slot> + Clone {
    let (first, last) = serving.into_inner();
    (slot.saturating_add(1).max(first)..=last)
        .chain(first..=last)
        .take(usize::from(last.saturating_sub(first)) + 1)
        .filter(move |other| *other != slot)
}

/// How many connections may be passed on: at most [`Bucket::BURST`] at once, then
/// [`Bucket::PER_SECOND`].
///
/// Passing costs two system calls on either side. A burst of long-lived connections is evened
/// out at once; a stream of short ones, which even out by themselves, is left where it arrives.
/// The rate is low because little is needed: where the kernel spreads `r` connections a second
/// by chance, the nodes drift apart by about the square root of `r` a second.
#[derive(Debug)]
pub(crate) struct Bucket {
    tokens: u32,
    /// Up to when tokens have been filled in.
    filled: Time,
}

impl Bucket {
    pub(crate) const BURST: u32 = 512;
    pub(crate) const PER_SECOND: u32 = 100;
    const INTERVAL: Duration = Duration::from_micros(1_000_000 / Bucket::PER_SECOND as u64);

    /// A full bucket.
    pub(crate) fn new(now: Time) -> Bucket {
        Bucket { tokens: Bucket::BURST, filled: now }
    }

    /// Whether a connection may be passed on now.
    pub(crate) fn has_token(&mut self, now: Time) -> bool {
        let intervals = now.saturating_sub(self.filled).as_nanos() / Bucket::INTERVAL.as_nanos();
        let due = u32::try_from(intervals).unwrap_or(u32::MAX);
        if due >= Bucket::BURST - self.tokens {
            (self.tokens, self.filled) = (Bucket::BURST, now);
        } else {
            self.tokens += due;
            self.filled += Bucket::INTERVAL * due;
        }
        self.tokens > 0
    }

    /// Pays for one that was passed on.
    pub(crate) fn spend(&mut self) {
        self.tokens = self.tokens.saturating_sub(1);
    }
}

/// Finds connections that are counted on a node but neither open there nor on their way to it.
///
/// A node that is killed between counting a connection on another and sending it leaves such a
/// count behind. What is only on its way is gone within milliseconds: an excess that has never
/// been smaller for [`Drift::PATIENCE`] is no journey.
#[derive(Debug, Default)]
pub(crate) struct Drift {
    /// The smallest excess seen, and since when there has been one.
    suspect: Option<(u32, Time)>,
}

impl Drift {
    pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

    /// Looks at a `load` of which `open` are open, when nothing waits in the inbox. Says how much
    /// to take off.
    pub(crate) fn observe(&mut self, now: Time, load: u32, open: u32) -> Option<u32> {
        let excess = load.saturating_sub(open);
        let (least, since) = self.suspect.unwrap_or((excess, now));
        let least = least.min(excess);
        self.suspect = (least > 0).then_some((least, since));
        if least == 0 || now.saturating_sub(since) < Drift::PATIENCE {
            return None;
        }
        self.suspect = None;
        Some(least)
    }
}
