//! TCP listeners: bound so that a second instance is refused, one a slot.
//!
//! All that are to listen do so before anybody accepts: an epoll that saw a socket that does not
//! listen would report it as hung up from then on.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, setsockopt, socket,
    sockopt,
};

/// Binds `addr` and listens on it, so that others can [`join`].
///
/// It is bound and listens without `SO_REUSEPORT`, so that a port that anyone else listens on, a
/// second instance of this program too, is an error.
///
/// # Errors
/// `AddrInUse`, `PermissionDenied`, `AddrNotAvailable` as the kernel says.
pub(crate) fn found(addr: SocketAddr, v6_only: bool, backlog: u32) -> io::Result<OwnedFd> {
    let first = tcp_socket(addr, v6_only)?;
    bind(first.as_raw_fd(), &SockaddrStorage::from(addr))?;
    super::listen_on(&first, backlog)?;
    setsockopt(&first, sockopt::ReusePort, &true)?;
    Ok(first)
}

/// One more socket on the address of a founder, which does not listen yet. The founder must be
/// there, and this process run as the user that founded.
///
/// # Errors
/// As [`found`].
pub(crate) fn join(founder: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let addr = super::inet_addr(founder)?;
    let v6_only = addr.is_ipv6() && nix::sys::socket::getsockopt(&founder, sockopt::Ipv6V6Only)?;
    let sibling = tcp_socket(addr, v6_only)?;
    setsockopt(&sibling, sockopt::ReusePort, &true)?;
    bind(sibling.as_raw_fd(), &SockaddrStorage::from(addr))?;
    Ok(sibling)
}

fn tcp_socket(addr: SocketAddr, v6_only: bool) -> io::Result<OwnedFd> {
    let family = if addr.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(family, SockType::Stream, flags, SockProtocol::Tcp)?;
    if addr.is_ipv6() {
        setsockopt(&fd, sockopt::Ipv6V6Only, &v6_only)?;
    }
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    set_inherited(fd.as_fd())?;
    Ok(fd)
}

/// Sets what accepted connections inherit, which spares two calls for each of them.
pub(crate) fn set_inherited(listener: BorrowedFd<'_>) -> io::Result<()> {
    setsockopt(&listener, sockopt::TcpNoDelay, &true)?;
    setsockopt(&listener, sockopt::KeepAlive, &true)?;
    Ok(())
}
