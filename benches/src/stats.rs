//! Medians, and how far they can be trusted.

/// How many times the rounds are drawn again.
const RESAMPLES: usize = 2_000;

/// A median and the bounds between which it lies in 95 of 100 draws of the rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Interval {
    /// The median of the values, with a bootstrap interval. The draws are the same in every run.
    ///
    /// # Panics
    ///
    /// When there is no value.
    pub(crate) fn of(values: &[f64]) -> Self {
        let mut random = SplitMix(0x5EED);
        let mut medians: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                let drawn: Vec<f64> =
                    values.iter().map(|_| values[random.below(values.len())]).collect();
                median(&drawn)
            })
            .collect();
        medians.sort_by(f64::total_cmp);
        Self {
            low: medians[RESAMPLES * 25 / 1000],
            median: median(values),
            high: medians[RESAMPLES * 975 / 1000],
        }
    }

    /// The same of ours to theirs, round by round.
    pub(crate) fn of_ratio(ours: &[f64], theirs: &[f64]) -> Self {
        let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a / b).collect();
        Self::of(&ratios)
    }
}

/// The middle value, or the mean of the two in the middle.
///
/// # Panics
///
/// When there is no value.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    }
}

/// A small generator of random numbers (Steele, Lea and Flood's splitmix64).
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % bound as u64).expect("below a usize")
    }
}

#[cfg(test)]
mod tests {
    use super::{Interval, median};

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(&[9.0, 1.0, 5.0]), 5.0);
    }

    #[test]
    fn the_interval_holds_the_median_and_lies_within_the_values() {
        let values = [1.0, 1.1, 0.9, 1.05, 0.95, 1.2, 0.8, 1.0, 1.02];
        let interval = Interval::of(&values);
        assert!(0.8 <= interval.low && interval.low < interval.median);
        assert!(interval.median < interval.high && interval.high <= 1.2);
    }

    #[test]
    fn values_that_are_all_the_same_leave_no_doubt() {
        let interval = Interval::of_ratio(&[2.0; 5], &[1.0; 5]);
        assert_eq!((interval.low, interval.high), (2.0, 2.0));
    }
}
