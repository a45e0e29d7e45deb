//! Waiting for several fds at once on a thread of its own.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};

/// Waits until one of `fds` is readable or at its end, or `timeout` has passed; `None` waits
/// without end. Tells of each whether it is.
pub(crate) fn readable<const N: usize>(
    fds: [BorrowedFd<'_>; N],
    timeout: Option<Duration>,
) -> io::Result<[bool; N]> {
    let mut entries = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    wait(&mut entries, timeout)?;
    Ok(entries.map(|entry| entry.any().unwrap_or(true)))
}

/// Waits until `fd` takes more, at most for `timeout`: whether it does.
pub(crate) fn writable(fd: BorrowedFd<'_>, timeout: Duration) -> io::Result<bool> {
    let mut entries = [PollFd::new(fd, PollFlags::POLLOUT)];
    wait(&mut entries, Some(timeout))?;
    Ok(entries[0].any().unwrap_or(true))
}

fn wait(entries: &mut [PollFd<'_>], timeout: Option<Duration>) -> io::Result<()> {
    // Rounded up: a deadline that has not quite come must not spin.
    let timeout = match timeout {
        None => PollTimeout::NONE,
        Some(t) => PollTimeout::try_from(t.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX),
    };
    match nix::poll::poll(entries, timeout) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
