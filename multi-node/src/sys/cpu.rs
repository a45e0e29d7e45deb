//! What the scheduler has given a thread, of this process or another.
//!
//! Reads two files of /proc. Never waits, and judges nothing.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use nix::unistd::gettid;

#[cfg(test)]
mod tests;

/// The number of the calling thread, which no other thread of any process has while it lives.
pub(crate) fn thread() -> u32 {
    gettid().as_raw().cast_unsigned()
}

/// A thread's account, since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    /// Whether it runs, or waits for a CPU, right now.
    pub(crate) runnable: bool,
    /// Time on a CPU; up to a tick of the kernel behind while it runs.
    pub(crate) ran: Duration,
    /// Time that it waited for a CPU before it got one. The kernel adds a wait when it ends.
    pub(crate) delayed: Duration,
}

/// The account of a thread; `None` when it is gone, or /proc does not say.
pub(crate) fn account(thread: u32) -> Option<Account> {
    // The state first: of a thread that runs and sleeps in between, the wait is then in `delayed`.
    let runnable = state(read(thread, "stat", &mut [0; STAT])?)? == b'R';
    let (ran, delayed) = times(read(thread, "schedstat", &mut [0; SCHEDSTAT])?)?;
    Some(Account { runnable, ran, delayed })
}

/// The beginning of a file about a thread.
fn read<'a>(thread: u32, name: &str, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut file = File::open(format!("/proc/{thread}/{name}")).ok()?;
    let length = file.read(buffer).ok()?;
    buffer.get(..length)
}

/// The state in `<number> (<name>) <state> <number> ...`. The name may hold anything.
fn state(stat: &[u8]) -> Option<u8> {
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    stat.get(name_end + 2).copied()
}

/// The times in `<ns on a CPU> <ns waited for one> <times that it got one>`.
fn times(schedstat: &[u8]) -> Option<(Duration, Duration)> {
    let mut fields = str::from_utf8(schedstat).ok()?.split_ascii_whitespace();
    let mut time = || Some(Duration::from_nanos(fields.next()?.parse().ok()?));
    Some((time()?, time()?))
}

/// Enough for a number, a name of 15 bytes, and the state behind them.
const STAT: usize = 64;
/// Enough for three numbers of 20 digits.
const SCHEDSTAT: usize = 64;
