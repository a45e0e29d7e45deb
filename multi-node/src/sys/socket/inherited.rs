//! Sockets that whoever started the program passed on, as sd_listen_fds(3) describes it.

use std::ffi::OsString;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::socket::{SockType, getsockopt, sockopt};

use crate::sys::replace::is_close_on_exec;

/// The number of the first of them.
const FIRST: RawFd = 3;

/// A socket that was passed on.
#[derive(Debug)]
pub(crate) struct Inherited {
    pub(crate) number: RawFd,
    /// Its name in LISTEN_FDNAMES; empty without one.
    pub(crate) name: String,
    pub(crate) socket: OwnedFd,
}

/// Takes what was passed on to this process: LISTEN_PID must name it, or process 1 when that is
/// the bare init that started this one. To be called once.
///
/// # Errors
/// One line when the variables make no sense.
pub(crate) fn take(variable: impl Fn(&str) -> Option<OsString>) -> io::Result<Vec<Inherited>> {
    let number = |name: &str| variable(name)?.to_str()?.parse::<i32>().ok();
    let me = nix::unistd::getpid().as_raw();
    let meant = number("LISTEN_PID")
        .is_some_and(|pid| pid == me || pid == 1 && nix::unistd::getppid().as_raw() == 1);
    let count = number("LISTEN_FDS").filter(|count| meant && *count > 0).unwrap_or(0);
    let names = variable("LISTEN_FDNAMES").unwrap_or_default();
    let names = names.to_string_lossy().into_owned();
    let mut names = names.split(':');
    (FIRST..FIRST.saturating_add(count))
        .map(|fd| {
            let name = names.next().unwrap_or_default().to_owned();
            let socket = claim(fd).map_err(|error| {
                let what = format!("fd {fd} of LISTEN_FDS={count}: {error}");
                io::Error::new(error.kind(), what)
            })?;
            Ok(Inherited { number: fd, name, socket })
        })
        .collect()
}

/// Makes an fd that this process was started with its own, close-on-exec and non-blocking.
///
/// # Errors
/// `EBADF` when there is none, or one that was opened since: what came through an exec is not
/// close-on-exec.
fn claim(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: it is borrowed for one call, which fails with EBADF when there is no such fd.
    if is_close_on_exec(unsafe { BorrowedFd::borrow_raw(fd) })? {
        return Err(Errno::EBADF.into());
    }
    // SAFETY: the fd is open and came through the exec that started this process, so nothing here
    // opened it; whoever did left it for `LISTEN_PID`, and `take` is called once.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    let flags = OFlag::from_bits_retain(fcntl(&fd, FcntlArg::F_GETFL)?);
    fcntl(&fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(fd)
}

/// Checks that a socket is one to accept from.
///
/// # Errors
/// `InvalidInput` when this is no stream socket that listens.
pub(crate) fn check_listening(number: RawFd, fd: &OwnedFd) -> io::Result<()> {
    let stream = getsockopt(fd, sockopt::SockType) == Ok(SockType::Stream);
    if stream && getsockopt(fd, sockopt::AcceptConn) == Ok(true) {
        return Ok(());
    }
    let what = format!("fd {number}: expected a stream socket that listens (ListenStream=)");
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}
