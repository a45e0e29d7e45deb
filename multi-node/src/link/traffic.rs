//! When a link carries so much that a ring pays. Decides; the clock is the caller's.

use std::time::{Duration, Instant};

use crate::config::RingUse;

/// Traffic is counted for so long, then anew.
const SPAN: Duration = Duration::from_secs(1);

/// Bytes within [`SPAN`] that make a link busy: less than what one copy costs less is the price
/// of mapping a ring.
const BYTES: usize = 256 * 1024;

/// Writes within [`SPAN`] that make a link busy.
const WRITES: u32 = 1_000;

/// What one side of a link wrote lately. See the module.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    since: Option<Instant>,
    bytes: usize,
    writes: u32,
}

impl Traffic {
    /// Notes a write; true when a ring is worth its memory. That is said once in a [`SPAN`].
    pub(super) fn wrote(&mut self, now: Instant, bytes: usize, using: RingUse) -> bool {
        let was_busy = self.is_busy(using);
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= SPAN) {
            *self = Traffic { since: Some(now), bytes: 0, writes: 0 };
            return self.count(bytes, using);
        }
        self.count(bytes, using) && !was_busy
    }

    fn count(&mut self, bytes: usize, using: RingUse) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        self.writes = self.writes.saturating_add(1);
        self.is_busy(using)
    }

    fn is_busy(&self, using: RingUse) -> bool {
        match using {
            RingUse::Off => false,
            RingUse::On => self.writes > 0,
            RingUse::Auto => self.bytes >= BYTES || self.writes >= WRITES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy_after(bytes: usize, apart: Duration, using: RingUse) -> Option<u32> {
        let (mut traffic, begin) = (Traffic::default(), Instant::now());
        (1..=5_000).find(|n| traffic.wrote(begin + apart * *n, bytes, using))
    }

    #[test]
    fn much_in_a_second_makes_a_link_busy_by_bytes_or_by_writes() {
        let (at_once, often, seldom) =
            (Duration::ZERO, Duration::from_micros(900), Duration::from_millis(2));
        assert_eq!(busy_after(BYTES, at_once, RingUse::Auto), Some(1));
        assert_eq!(busy_after(BYTES / 4, at_once, RingUse::Auto), Some(4));
        assert_eq!(busy_after(16, often, RingUse::Auto), Some(WRITES));
        assert_eq!(busy_after(16, seldom, RingUse::Auto), None);
        assert_eq!(busy_after(16, seldom, RingUse::On), Some(1));
        assert_eq!(busy_after(BYTES, at_once, RingUse::Off), None);
    }

    #[test]
    fn it_is_said_once_a_second() {
        let (mut traffic, begin) = (Traffic::default(), Instant::now());
        let said = (0..3_000)
            .filter(|n| traffic.wrote(begin + Duration::from_millis(*n), BYTES, RingUse::Auto));
        assert_eq!(said.collect::<Vec<_>>(), [0, 1_000, 2_000]);
    }
}
