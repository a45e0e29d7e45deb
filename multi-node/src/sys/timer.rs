//! A clock that ticks on an fd, at the same moments in every process.
//!
//! Unlike the timers of a runtime it is not the user's to pause.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::sys::time::{TimeSpec, TimeValLike};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::{ClockId as Clock, clock_gettime};

#[cfg(test)]
mod tests;

/// An fd from which eight bytes can be read after every tick.
///
/// The ticks of all processes that ask for the same period fall together, so that who hears of
/// them all wakes up once.
///
/// # Errors
/// When no fd is left, or for a period of zero.
pub(crate) fn every(period: Duration) -> io::Result<OwnedFd> {
    let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
    let now = clock_gettime(Clock::CLOCK_MONOTONIC)?.num_nanoseconds();
    let nanoseconds = i64::try_from(period.as_nanos()).unwrap_or(i64::MAX / 2);
    let past = now.checked_rem(nanoseconds).ok_or(io::ErrorKind::InvalidInput)?;
    let first = TimeSpec::nanoseconds((now - past).saturating_add(nanoseconds));
    let period = TimeSpec::nanoseconds(nanoseconds);
    let ticks = Expiration::IntervalDelayed(first, period);
    timer.set(ticks, TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
    Ok(timer.into())
}
