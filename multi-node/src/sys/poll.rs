//! Waiting for several fds at once on a thread of its own.
//!
//! By poll(2); but that takes no more fds than may be open (`EINVAL`), and somebody may lower that
//! limit while they are. Then by select(2), which does not mind.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::time::TimeSpec;

/// Waits until one of `fds` is readable or at its end, or `timeout` has passed; `None` waits
/// without end. Tells of each whether it is.
pub(crate) fn readable<const N: usize>(
    fds: [BorrowedFd<'_>; N],
    timeout: Option<Duration>,
) -> io::Result<[bool; N]> {
    wait(fds, Until::Readable, timeout)
}

/// Waits until `fd` takes more, at most for `timeout`: whether it does.
pub(crate) fn writable(fd: BorrowedFd<'_>, timeout: Duration) -> io::Result<bool> {
    wait([fd], Until::Writable, Some(timeout)).map(|[is_writable]| is_writable)
}

#[derive(Debug, Clone, Copy)]
enum Until {
    Readable,
    Writable,
}

fn wait<const N: usize>(
    fds: [BorrowedFd<'_>; N],
    until: Until,
    timeout: Option<Duration>,
) -> io::Result<[bool; N]> {
    let flags = match until {
        Until::Readable => PollFlags::POLLIN,
        Until::Writable => PollFlags::POLLOUT,
    };
    let mut entries = fds.map(|fd| PollFd::new(fd, flags));
    // Rounded up: a deadline that has not quite come must not spin.
    let milliseconds = match timeout {
        None => PollTimeout::NONE,
        Some(t) => PollTimeout::try_from(t.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX),
    };
    match poll(&mut entries, milliseconds) {
        Ok(_) => Ok(entries.map(|entry| entry.any().unwrap_or(true))),
        Err(Errno::EINTR) => Ok([false; N]),
        Err(Errno::EINVAL) => select(fds, until, timeout),
        Err(error) => Err(error.into()),
    }
}

/// As [`wait`], however few files may be open.
fn select<const N: usize>(
    fds: [BorrowedFd<'_>; N],
    until: Until,
    timeout: Option<Duration>,
) -> io::Result<[bool; N]> {
    let fds = fds.map(|fd| fd.as_raw_fd().cast_unsigned() as usize);
    let count = fds.into_iter().max().map_or(0, |highest| highest + 1);
    // An `fd_set` as large as it must be: the type that has the name ends at 1,024.
    let mut set = vec![0_u64; count.div_ceil(64).max(1)];
    for fd in fds {
        set[fd / 64] |= 1 << (fd % 64);
    }
    let (set_ptr, none) = (set.as_mut_ptr().cast(), std::ptr::null_mut());
    let (read, write) = match until {
        Until::Readable => (set_ptr, none),
        Until::Writable => (none, set_ptr),
    };
    let timeout = timeout.map(TimeSpec::from);
    let timeout =
        timeout.as_ref().map_or(std::ptr::null(), |timeout| std::ptr::from_ref(timeout.as_ref()));
    // SAFETY: the set has room for `count` bits, which is all that the kernel reads and writes of
    // it; the set and the time outlive the call, and null pointers stand for nothing.
    let found = unsafe {
        libc::pselect(count as libc::c_int, read, write, none, timeout, std::ptr::null())
    };
    match Errno::result(found) {
        Ok(_) => Ok(fds.map(|fd| set[fd / 64] & (1 << (fd % 64)) != 0)),
        Err(Errno::EINTR) => Ok([false; N]),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
