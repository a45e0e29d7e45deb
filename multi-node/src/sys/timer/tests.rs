use std::os::fd::{AsFd, FromRawFd, IntoRawFd};
use std::time::Instant;

use super::*;
use crate::sys::poll;

const DEADLINE: Duration = Duration::from_secs(20);

/// Waits for the next tick; when it came.
fn tick(timer: &OwnedFd) -> Instant {
    assert!(poll::readable([timer.as_fd()], Some(DEADLINE)).unwrap()[0], "it never ticks");
    let at = Instant::now();
    assert_eq!(nix::unistd::read(timer, &mut [0; 16]).unwrap(), 8);
    at
}

#[test]
fn it_ticks_again_and_again_and_is_read_once_a_tick() {
    let timer = every(Duration::from_millis(5)).unwrap();
    let first = tick(&timer);
    let third = [tick(&timer), tick(&timer)][1];
    // The first may have been taken late, the third not early.
    assert!(third - first >= Duration::from_millis(1));
}

#[test]
fn two_timers_of_one_period_tick_at_the_same_moments() {
    let hour = Duration::from_secs(3600);
    let left = |timer: OwnedFd| {
        // SAFETY: it was made as a timer a line before, and this is its only owner.
        let timer = unsafe { TimerFd::from_raw_fd(timer.into_raw_fd()) };
        match timer.get().unwrap() {
            Some(Expiration::IntervalDelayed(left, _)) => Duration::from(left),
            other => panic!("{other:?}"),
        }
    };
    let (one, read) = (left(every(hour).unwrap()), Instant::now());
    let other = left(every(hour).unwrap()) + read.elapsed();
    let apart = (one.as_secs_f64() - other.as_secs_f64()).rem_euclid(3600.0);
    assert!(apart.min(3600.0 - apart) < 1.0, "{one:?} and {other:?}");
}

#[test]
fn a_period_of_nothing_is_refused() {
    assert_eq!(every(Duration::ZERO).unwrap_err().kind(), io::ErrorKind::InvalidInput);
}
