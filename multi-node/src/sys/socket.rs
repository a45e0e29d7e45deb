//! Listening sockets: bound so that a second instance is refused, one a slot, accepted from
//! without blocking.

use std::io;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, Backlog, Shutdown, SockFlag, SockProtocol, SockType, SockaddrLike,
    SockaddrStorage, bind, getpeername, getsockname, listen, setsockopt, shutdown, socket, sockopt,
};

/// Binds one socket a slot to `addr`, each with a queue of `backlog` connections.
///
/// The first is bound and listens without `SO_REUSEPORT`, so that a port that anyone else
/// listens on, a second instance of this program too, is an error; only then do its siblings
/// join it. All listen before anybody accepts: an epoll that saw a socket that does not listen
/// would report it as hung up from then on.
///
/// # Errors
/// `AddrInUse`, `PermissionDenied`, `AddrNotAvailable` as the kernel says.
pub(crate) fn bind_slots(addr: SocketAddr, slots: usize, backlog: u32) -> io::Result<Vec<OwnedFd>> {
    let backlog = i32::try_from(backlog).ok().and_then(|n| Backlog::new(n).ok());
    let backlog = backlog.unwrap_or(Backlog::MAXALLOWABLE);
    let first = tcp_socket(addr)?;
    bind(first.as_raw_fd(), &SockaddrStorage::from(addr))?;
    listen(&first, backlog)?;
    setsockopt(&first, sockopt::ReusePort, &true)?;
    let bound = local_addr(first.as_fd())?;
    let mut sockets = vec![first];
    for _ in 1..slots {
        let sibling = tcp_socket(addr)?;
        setsockopt(&sibling, sockopt::ReusePort, &true)?;
        bind(sibling.as_raw_fd(), &SockaddrStorage::from(bound))?;
        listen(&sibling, backlog)?;
        sockets.push(sibling);
    }
    Ok(sockets)
}

fn tcp_socket(addr: SocketAddr) -> io::Result<OwnedFd> {
    let family = if addr.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(family, SockType::Stream, flags, SockProtocol::Tcp)?;
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    // What is accepted inherits both, which spares two calls for each connection.
    setsockopt(&fd, sockopt::TcpNoDelay, &true)?;
    setsockopt(&fd, sockopt::KeepAlive, &true)?;
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
        .ok_or_else(not_internet)
}

fn not_internet() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "not an internet address")
}

/// Takes one queued connection and its peer's address, non-blocking and close-on-exec.
///
/// # Errors
/// `WouldBlock` when none is queued; what accept(2) says otherwise: see [`Refusal`].
pub(crate) fn accept(listener: BorrowedFd<'_>) -> io::Result<(TcpStream, SocketAddr)> {
    let mut space = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut length = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: the kernel writes at most `length` bytes of an address to `space`, which has them.
    let fd = Errno::result(unsafe {
        libc::accept4(listener.as_raw_fd(), space.as_mut_ptr().cast(), &mut length, flags)
    })?;
    // SAFETY: accept4 has just made this fd and nothing else knows its number.
    let stream = TcpStream::from(unsafe { OwnedFd::from_raw_fd(fd) });
    // SAFETY: `space` was zeroed, so all of it is initialised, and holds an address of `length`.
    let peer = unsafe { SockaddrStorage::from_raw(space.as_ptr().cast(), Some(length)) };
    let peer = peer.ok_or_else(not_internet)?;
    Ok((stream, to_std(&peer)?))
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
pub(crate) fn peer_addr(socket: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    to_std(&getpeername::<SockaddrStorage>(socket.as_raw_fd())?)
}

/// Has the kernel drop what asks for a new connection; one that is being made is finished, and
/// what has connected stays queued.
///
/// Who asks is not refused but asks again, a second later, and finds out then whether anybody
/// listens: so nobody connects to a listener that is about to close, only to be reset.
///
/// # Errors
/// `ENOMEM`; `EPERM` when a filter is locked in already.
pub(crate) fn drop_newcomers(listener: BorrowedFd<'_>) -> io::Result<()> {
    /// The flags, in a TCP header (RFC 9293, 3.1).
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    let op = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut program = [
        op(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, 0, FLAGS),
        op(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, SYN | ACK),
        op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, SYN),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the kernel copies `filter` and the `len` instructions that it points to, which both
    // live until the call returns, and keeps neither.
    let attached = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const filter).cast(),
            size_of_val(&filter) as libc::socklen_t,
        )
    };
    Errno::result(attached)?;
    Ok(())
}

/// Ends listening for every process that holds this socket, and so frees its port at once.
pub(crate) fn close_for_all(listener: BorrowedFd<'_>) -> io::Result<()> {
    Ok(shutdown(listener.as_raw_fd(), Shutdown::Both)?)
}
