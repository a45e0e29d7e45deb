//! Listening sockets: made in the modules below, accepted from without blocking, ended for all.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    Backlog, Shutdown, SockaddrLike, SockaddrStorage, getpeername, getsockname, listen, shutdown,
};

use crate::config::Addr;

pub(crate) mod inherited;
pub(crate) mod tcp;
pub(crate) mod unix;

/// Lets a bound socket listen, with a queue of `backlog` connections; one that listens already
/// gets the new queue length.
pub(crate) fn listen_on(socket: impl AsFd, backlog: u32) -> io::Result<()> {
    let backlog = i32::try_from(backlog).ok().and_then(|n| Backlog::new(n).ok());
    Ok(listen(&socket.as_fd(), backlog.unwrap_or(Backlog::MAXALLOWABLE))?)
}

/// The address that a socket is bound to.
pub(crate) fn local_addr(socket: BorrowedFd<'_>) -> io::Result<Addr> {
    to_addr(&getsockname::<SockaddrStorage>(socket.as_raw_fd())?)
}

fn inet_addr(socket: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    local_addr(socket)?.as_inet().ok_or_else(unknown_family)
}

fn to_addr(addr: &SockaddrStorage) -> io::Result<Addr> {
    if let Some(v4) = addr.as_sockaddr_in() {
        return Ok(Addr::Inet(SocketAddr::V4((*v4).into())));
    }
    if let Some(v6) = addr.as_sockaddr_in6() {
        return Ok(Addr::Inet(SocketAddr::V6((*v6).into())));
    }
    let unix = addr.as_unix_addr().ok_or_else(unknown_family)?;
    let abstract_name = || {
        let name = String::from_utf8_lossy(unix.as_abstract()?).into_owned();
        Some(PathBuf::from(format!("@{name}")))
    };
    Ok(Addr::Unix(unix.path().map(PathBuf::from).or_else(abstract_name)))
}

fn unknown_family() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "neither an internet nor a Unix address")
}

/// Takes one queued connection and its peer's address, non-blocking and close-on-exec.
///
/// # Errors
/// `WouldBlock` when none is queued; what accept(2) says otherwise: see [`Refusal`].
pub(crate) fn accept(listener: BorrowedFd<'_>) -> io::Result<(OwnedFd, Addr)> {
    let mut space = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut length = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: the kernel writes at most `length` bytes of an address to `space`, which has them.
    let fd = Errno::result(unsafe {
        libc::accept4(listener.as_raw_fd(), space.as_mut_ptr().cast(), &mut length, flags)
    })?;
    // SAFETY: accept4 has just made this fd and nothing else knows its number.
    let stream = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: `space` was zeroed, so all of it is initialised, and holds an address of `length`.
    let peer = unsafe { SockaddrStorage::from_raw(space.as_ptr().cast(), Some(length)) };
    let peer = peer.ok_or_else(unknown_family)?;
    Ok((stream, to_addr(&peer)?))
}

/// Why [`accept`] gave no connection, as far as the caller must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nothing is queued.
    Empty,
    /// This one connection failed before it was taken, or the call was interrupted: try again.
    Passing,
    /// The process or the machine is out of fds or memory: trying at once again is in vain.
    Exhausted,
    /// The socket does not listen: [`close_for_all`] ended that, or it has not begun.
    Closed,
    /// The socket cannot be accepted from, now or later.
    Lasting,
}

impl Refusal {
    /// Tells the kinds of failure apart, as accept(2) says under "Error handling".
    pub(crate) fn of(error: &io::Error) -> Refusal {
        match error.raw_os_error().map(Errno::from_raw) {
            None if error.kind() == io::ErrorKind::WouldBlock => Refusal::Empty,
            Some(Errno::EAGAIN) => Refusal::Empty,
            Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => {
                Refusal::Exhausted
            }
            Some(
                Errno::ECONNABORTED
                | Errno::EINTR
                | Errno::EPERM
                | Errno::ENETDOWN
                | Errno::EPROTO
                | Errno::ENOPROTOOPT
                | Errno::EHOSTDOWN
                | Errno::ENONET
                | Errno::EHOSTUNREACH
                | Errno::EOPNOTSUPP
                | Errno::ENETUNREACH
                | Errno::ETIMEDOUT
                | Errno::ECONNRESET,
            ) => Refusal::Passing,
            Some(Errno::EINVAL) => Refusal::Closed,
            Some(_) | None => Refusal::Lasting,
        }
    }
}

/// The address of the other end of a connected socket.
pub(crate) fn peer_addr(socket: BorrowedFd<'_>) -> io::Result<Addr> {
    to_addr(&getpeername::<SockaddrStorage>(socket.as_raw_fd())?)
}

/// Has the kernel refuse whoever asks for a new connection from now on; one that is being made is
/// finished, and what has connected stays queued. There is no way back.
///
/// So nobody connects to a listener that is about to close, only to be reset.
///
/// # Errors
/// As setsockopt(2).
pub(crate) fn refuse_newcomers(listener: BorrowedFd<'_>) -> io::Result<()> {
    /// The number of a network interface that no machine has: what arrives is not for this socket.
    /// A filter on the socket would do too, were it not a matter of CAP_NET_ADMIN on some kernels.
    const NOWHERE: libc::c_int = libc::c_int::MAX;
    let interface = NOWHERE;
    // SAFETY: the kernel reads one integer, which lives until the call returns.
    let bound = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_BINDTOIFINDEX,
            (&raw const interface).cast(),
            size_of_val(&interface) as libc::socklen_t,
        )
    };
    match Errno::result(bound) {
        // Who is not root can bind a socket to an interface once: it was done before.
        Ok(_) | Err(Errno::EPERM) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Ends listening for every process that holds this socket, and so frees its port at once.
pub(crate) fn close_for_all(listener: BorrowedFd<'_>) -> io::Result<()> {
    Ok(shutdown(listener.as_raw_fd(), Shutdown::Both)?)
}

#[cfg(test)]
mod tests;
