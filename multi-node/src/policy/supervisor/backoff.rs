//! How long a slot waits before its next process.
//!
//! The first failure costs no wait; then 100 ms, doubling to 10 s. Each wait is stretched or
//! shortened by up to a tenth, so that workers that died together do not start together: no wait
//! is below 90 ms but zero, none above 11 s.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);
/// Doublings from [`FIRST`] that reach [`LONGEST`].
const DOUBLINGS: u32 = 7;
/// The jitter either way, in thousandths.
const JITTER: u32 = 100;

/// Draws the waits; its seed is all the randomness there is.
#[derive(Debug, Clone, Default)]
pub(super) struct Backoff {
    state: u64,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Backoff { state: seed }
    }

    /// The wait after so many failures in a row.
    pub(super) fn wait(&mut self, failures: u32) -> Duration {
        if failures <= 1 {
            return Duration::ZERO;
        }
        let middle = nominal(failures);
        let drawn = self.draw() % u64::from(2 * JITTER + 1);
        middle * (1000 - JITTER + drawn as u32) / 1000
    }

    /// The next number of the splitmix64 sequence.
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The wait without jitter after two failures or more.
fn nominal(failures: u32) -> Duration {
    (FIRST * 2u32.pow((failures - 2).min(DOUBLINGS))).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_double_from_nothing_to_ten_seconds() {
        let middles: Vec<u128> = (2..=12).map(|n| nominal(n).as_millis()).collect();
        assert_eq!(middles, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000, 10_000]);
        let mut backoff = Backoff::new(1);
        assert_eq!(backoff.wait(0), Duration::ZERO);
        assert_eq!(backoff.wait(1), Duration::ZERO);
    }

    #[test]
    fn the_jitter_stays_within_a_tenth_and_reaches_towards_both_ends() {
        let mut backoff = Backoff::new(7);
        for failures in [2, 5, 9, u32::MAX] {
            let middle = nominal(failures);
            let waits: Vec<Duration> = (0..1000).map(|_| backoff.wait(failures)).collect();
            let least = *waits.iter().min().unwrap();
            let most = *waits.iter().max().unwrap();
            assert!(middle * 90 / 100 <= least && least <= middle * 92 / 100);
            assert!(middle * 108 / 100 <= most && most <= middle * 110 / 100);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_waits_and_another_seed_others() {
        let draw = |seed| {
            let mut backoff = Backoff::new(seed);
            [backoff.wait(5), backoff.wait(5), backoff.wait(5)]
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }
}
