//! Counts of one measured stretch.

use std::time::{Duration, Instant};

/// What was answered since the count began.
pub(crate) struct Tally {
    began: Instant,
    latencies: Vec<Duration>,
    failed: u64,
}

impl Tally {
    pub(crate) fn begin() -> Self {
        Self { began: Instant::now(), latencies: Vec::with_capacity(1 << 18), failed: 0 }
    }

    pub(crate) fn answered(&mut self, latency: Duration) {
        self.latencies.push(latency);
    }

    pub(crate) fn failed(&mut self) {
        self.failed += 1;
    }

    /// The figures as one line; times in nanoseconds.
    pub(crate) fn line(mut self) -> String {
        let elapsed = self.began.elapsed().as_nanos();
        self.latencies.sort_unstable();
        format!(
            "done ok={} failed={} elapsed={elapsed} p50={} p99={}",
            self.latencies.len(),
            self.failed,
            self.percentile(50),
            self.percentile(99),
        )
    }

    fn percentile(&self, percent: usize) -> u128 {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get(last * percent / 100).map_or(0, Duration::as_nanos)
    }
}
