//! Stops, as clients see them: answers, then nobody listens; never a connection that breaks.

use std::time::{Duration, Instant};

use multi_node_proof::{Family, soon};
use multi_node_tests::{Load, Outcome};
use nix::sys::signal::Signal;

use crate::halves::{CLIENTS, Half, Halves, repeat};
use crate::subject::NODES;

/// Starts a program and stops it, `times` times: half of them under clients that connect for each
/// request, half under clients that keep their connections. All ask as fast as they are answered,
/// until they are refused.
pub(crate) fn of(delay: Duration, times: usize) -> Halves {
    let mut halves = Halves { short: Half::default(), kept: Half::default() };
    repeat(times, |time| {
        if time % 2 == 1 {
            stop(delay, CLIENTS, 0, &mut halves.short);
        } else {
            stop(delay, 0, CLIENTS, &mut halves.kept);
        }
    });
    halves
}

fn stop(delay: Duration, short: usize, kept: usize, half: &mut Half) {
    let family = Family::start_as(NODES, |program| {
        program.env("MULTI_NODE_DRAIN_DELAY", format!("{}ms", delay.as_millis()))
    });
    let load = Load::start(family.addr(), short, kept);
    load.wait_for_ok(4 * CLIENTS, soon());
    let asked = Instant::now();
    family.signal(Signal::SIGTERM);
    let counts = load.until_refused();
    let answered = counts.last_asked.values().max().map(|last| last.duration_since(asked));
    assert!(answered >= Some(delay / 2), "refused too early: the last answer is of {answered:?}");
    family.ended();
    half.refused_at_last += half.add(&counts, |failure| failure.outcome == Outcome::Refused);
}
