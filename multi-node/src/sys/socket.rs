//! Listening sockets: bound so that a second instance is refused, one a slot, accepted from
//! without blocking.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, Backlog, Shutdown, SockFlag, SockProtocol, SockType, SockaddrStorage, accept4,
    bind, getpeername, getsockname, listen, setsockopt, shutdown, socket, sockopt,
};

/// Binds one socket a slot to `addr`; only the first listens yet, the others when [`start`]ed.
///
/// The first is bound and listens without `SO_REUSEPORT`, so that a port that anyone else
/// listens on, a second instance of this program too, is an error; only then do its siblings
/// join it.
///
/// # Errors
/// `AddrInUse`, `PermissionDenied`, `AddrNotAvailable` as the kernel says.
pub(crate) fn bind_slots(addr: SocketAddr, slots: usize, backlog: u32) -> io::Result<Vec<OwnedFd>> {
    let first = tcp_socket(addr)?;
    bind(first.as_raw_fd(), &SockaddrStorage::from(addr))?;
    start(first.as_fd(), backlog)?;
    setsockopt(&first, sockopt::ReusePort, &true)?;
    let bound = local_addr(first.as_fd())?;
    let mut sockets = vec![first];
    for _ in 1..slots {
        let sibling = tcp_socket(addr)?;
        setsockopt(&sibling, sockopt::ReusePort, &true)?;
        bind(sibling.as_raw_fd(), &SockaddrStorage::from(bound))?;
        sockets.push(sibling);
    }
    Ok(sockets)
}

/// Lets a bound socket queue connections. Harmless on one that does already.
pub(crate) fn start(socket: BorrowedFd<'_>, backlog: u32) -> io::Result<()> {
    let backlog = i32::try_from(backlog).ok().and_then(|n| Backlog::new(n).ok());
    Ok(listen(&socket, backlog.unwrap_or(Backlog::MAXALLOWABLE))?)
}

fn tcp_socket(addr: SocketAddr) -> io::Result<OwnedFd> {
    let family = if addr.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(family, SockType::Stream, flags, SockProtocol::Tcp)?;
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    Ok(fd)
}

/// The address that a socket is bound to.
pub(crate) fn local_addr(socket: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    to_std(&getsockname::<SockaddrStorage>(socket.as_raw_fd())?)
}

fn to_std(addr: &SockaddrStorage) -> io::Result<SocketAddr> {
    addr.as_sockaddr_in()
        .map(|v4| SocketAddr::V4((*v4).into()))
        .or_else(|| addr.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into())))
        .ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "not an internet address"))
}

/// Takes one queued connection, non-blocking and close-on-exec.
///
/// # Errors
/// `WouldBlock` when none is queued; what accept(2) says otherwise.
pub(crate) fn accept(listener: BorrowedFd<'_>) -> io::Result<TcpStream> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = accept4(listener.as_raw_fd(), flags)?;
    // SAFETY: accept4 has just made this fd and nothing else knows its number.
    Ok(TcpStream::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// The address of the other end of a connected socket.
pub(crate) fn peer_addr(socket: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    to_std(&getpeername::<SockaddrStorage>(socket.as_raw_fd())?)
}

/// Ends listening for every process that holds this socket, and so frees its port at once.
pub(crate) fn close_for_all(listener: BorrowedFd<'_>) -> io::Result<()> {
    Ok(shutdown(listener.as_raw_fd(), Shutdown::Both)?)
}
