//! A tenth more or less, so that what was started together does not all happen together.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The most that a value is stretched or shortened by, in thousandths.
const MOST: u64 = 100;

/// Draws the tenths; its seed is all the randomness there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Jitter {
    state: u64,
}

impl Jitter {
    pub(crate) fn new(seed: u64) -> Self {
        Jitter { state: seed }
    }

    /// `middle`, up to a tenth longer or shorter.
    pub(crate) fn time(&mut self, middle: Duration) -> Duration {
        // Divided first: whatever a user calls for ever must not overflow.
        (middle / 1000).saturating_mul(self.thousandths() as u32)
    }

    /// `middle`, up to a tenth more or less, and never nothing.
    pub(crate) fn number(&mut self, middle: u64) -> u64 {
        let drawn = u128::from(middle) * u128::from(self.thousandths()) / 1000;
        u64::try_from(drawn).unwrap_or(u64::MAX).max(1)
    }

    /// What to multiply by: 900 to 1100.
    fn thousandths(&mut self) -> u64 {
        1000 - MOST + self.draw() % (2 * MOST + 1)
    }

    /// The next number of the splitmix64 sequence.
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_either_way_and_no_more() {
        let mut jitter = Jitter::new(7);
        let drawn: Vec<u64> = (0..1000).map(|_| jitter.number(1000)).collect();
        assert!(drawn.iter().all(|number| (900..=1100).contains(number)));
        assert!(drawn.iter().any(|number| *number < 920), "it reaches towards both ends");
        assert!(drawn.iter().any(|number| *number > 1080), "it reaches towards both ends");
    }

    #[test]
    fn the_smallest_number_and_the_longest_time_stay_what_they_are_meant_to_be() {
        let mut jitter = Jitter::new(3);
        for _ in 0..100 {
            assert_eq!(jitter.number(1), 1);
            assert!(jitter.number(u64::MAX) > u64::MAX / 10 * 8);
            assert!(jitter.time(Duration::MAX) > Duration::MAX / 10 * 8);
        }
    }
}
