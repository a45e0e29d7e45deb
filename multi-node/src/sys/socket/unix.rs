//! Unix listeners: bound, and found out who has the path already. Files are left to the caller.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, bind, connect, getsockopt, socket, sockopt,
};

use crate::config::abstract_name;

/// Who listens at a path that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occupant {
    /// Nobody any more: what is left is a file.
    Nobody,
    /// The process that began to listen; `None` when it is not to be seen from here.
    Process(Option<i32>),
}

/// A socket bound to a path, or to a name in the abstract namespace, that does not listen yet.
///
/// # Errors
/// `AddrInUse` when there is anything at the path; what bind(2) says.
pub(crate) fn bind_path(path: &Path) -> io::Result<OwnedFd> {
    let fd = unix_socket()?;
    bind(fd.as_raw_fd(), &unix_addr(path)?)?;
    Ok(fd)
}

/// Finds out who listens at a path, by connecting.
///
/// # Errors
/// What connect(2) says beside "refused": that the path is no socket or may not be tried.
pub(crate) fn occupant(path: &Path) -> io::Result<Occupant> {
    let probe = unix_socket()?;
    match connect(probe.as_raw_fd(), &unix_addr(path)?) {
        Ok(()) => {
            let pid = getsockopt(&probe, sockopt::PeerCredentials)?.pid();
            // 0 stands for a process of a container that this one is not part of.
            Ok(Occupant::Process(Some(pid).filter(|pid| *pid > 0)))
        }
        Err(Errno::ECONNREFUSED) => Ok(Occupant::Nobody),
        // Its queue is full, which takes somebody to have a queue.
        Err(Errno::EAGAIN) => Ok(Occupant::Process(None)),
        Err(error) => Err(error.into()),
    }
}

fn unix_socket() -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    Ok(socket(AddressFamily::Unix, SockType::Stream, flags, None)?)
}

fn unix_addr(path: &Path) -> io::Result<UnixAddr> {
    Ok(match abstract_name(path) {
        Some(name) => UnixAddr::new_abstract(name)?,
        None => UnixAddr::new(path)?,
    })
}
