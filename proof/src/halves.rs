//! One row's load: half of the changes with a connection a request, half with kept ones.

use std::collections::BTreeMap;
use std::time::Duration;

use multi_node_proof::soon;
use multi_node_tests::{Counts, Failure, Load, Outcome};

use crate::rows::Subject;

pub(crate) const CLIENTS: usize = 64;

/// What became of the requests of a row.
pub(crate) struct Halves {
    /// A new connection for each request.
    pub(crate) short: Half,
    /// Connections that are kept.
    pub(crate) kept: Half,
}

/// What became of the requests of one kind.
#[derive(Default)]
pub(crate) struct Half {
    pub(crate) answered: usize,
    pub(crate) slowest: Duration,
    /// Clients that left because nobody listened any more, when the program was to end.
    pub(crate) refused_at_last: usize,
    /// Requests in flight on a node when it was killed.
    pub(crate) on_the_killed: usize,
    /// All others that failed, by the way they did.
    pub(crate) failed: BTreeMap<Outcome, usize>,
}

impl Halves {
    /// Puts it under load, changes it `times` times, and ends it.
    pub(crate) fn of(mut subject: Box<dyn Subject>, times: usize, rate: u32) -> Halves {
        let addr = subject.addr();
        let short =
            Half::of(&mut *subject, Load::steady(addr, CLIENTS, 0, rate), times.div_ceil(2));
        let kept = Half::of(&mut *subject, Load::steady(addr, 0, CLIENTS, rate), times / 2);
        subject.end();
        Halves { short, kept }
    }

    /// Requests that failed although nobody killed the node that had them.
    pub(crate) fn failed(&self) -> usize {
        self.short.failed.values().chain(self.kept.failed.values()).sum()
    }
}

impl Half {
    fn of(subject: &mut dyn Subject, load: Load, times: usize) -> Half {
        let mut deaths = Vec::new();
        // Every client has asked before the first change and after each.
        load.wait_for_ok(4 * CLIENTS, soon());
        repeat(times, |_| {
            deaths.extend(subject.change(&load));
            load.wait_for_ok(4 * CLIENTS, soon());
        });
        let mut half = Half::default();
        half.on_the_killed = half
            .add(&load.stop(), |failure| deaths.iter().any(|death| death.accounts_for(failure)));
        half
    }

    /// Adds what became of requests; returns how many of the failed ones are excused.
    pub(crate) fn add(&mut self, counts: &Counts, is_excused: impl Fn(&Failure) -> bool) -> usize {
        self.answered += counts.ok;
        self.slowest = self.slowest.max(counts.slowest);
        let mut excused = 0;
        for failure in counts.failures.iter() {
            if is_excused(failure) {
                excused += 1;
            } else {
                *self.failed.entry(failure.outcome).or_default() += 1;
            }
        }
        excused
    }
}

/// Makes a change so often, and says which one is under way.
pub(crate) fn repeat(times: usize, mut change: impl FnMut(usize)) {
    for time in 1..=times {
        eprint!("\r  {time} of {times} ");
        change(time);
    }
    eprintln!();
}
