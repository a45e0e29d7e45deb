//! SEQPACKET pairs and the passing of fds over them: one datagram, its bytes and its fds, whole
//! or not at all. Never blocks longer than the deadline it is given.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg,
    sendmsg, socketpair,
};

/// The most fds one datagram may carry (`SCM_MAX_FD` in the kernel's `include/net/scm.h`).
pub(crate) const SCM_MAX_FD: usize = 253;

/// A connected pair of non-blocking, close-on-exec SEQPACKET sockets.
pub(crate) fn packet_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    pair(SockType::SeqPacket)
}

/// A connected pair of non-blocking, close-on-exec stream sockets.
pub(crate) fn stream_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    pair(SockType::Stream)
}

fn pair(kind: SockType) -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    Ok(socketpair(AddressFamily::Unix, kind, None, flags)?)
}

/// Sends `bytes` and `fds` as one datagram.
///
/// # Errors
/// `WouldBlock` when the other side's queue is full; `ETOOMANYREFS` when too many fds are in
/// flight; `EPIPE` when the other side is gone (never SIGPIPE).
pub(crate) fn send(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() { &rights[..0] } else { &rights[..] };
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(bytes)], control, flags, None)?;
    Ok(())
}

/// How much the other side has not taken yet, in bytes as the kernel counts them: about a thousand
/// for a small datagram.
pub(crate) fn unread(socket: BorrowedFd<'_>) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: TIOCOUTQ writes one int to where its argument points, and does no more.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    Errno::result(done)?;
    usize::try_from(bytes).map_err(io::Error::other)
}

/// Whether sending again a little later may succeed: the receiver's queue is full, or too many
/// fds of this user are in flight.
pub(crate) fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(Errno::EAGAIN | Errno::ETOOMANYREFS | Errno::ENOBUFS | Errno::EINTR)
    )
}

/// What [`receive`] took: the datagram's length (0: the other side is gone) and its fds.
pub(crate) type Received = (usize, Vec<OwnedFd>);

/// Takes one datagram into `buffer`; the fds are close-on-exec from birth.
///
/// # Errors
/// `WouldBlock` when none is there; `InvalidData` when it was larger than `buffer` or fds were
/// lost on the way because this process has no room for more (`EMFILE`).
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Received> {
    let mut space = cmsg_space!([RawFd; SCM_MAX_FD]);
    let mut slices = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut space), flags)?;
    let mut fds = Vec::new();
    // nix calls it ENOBUFS when fds were lost.
    let controls = message.cmsgs().map_err(|_| cut_short())?;
    for control in controls {
        if let ControlMessageOwned::ScmRights(raw) = control {
            // SAFETY: the kernel has just made these fds for this process, and nothing else
            // knows their numbers yet.
            fds.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    if message.flags.intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC) {
        return Err(cut_short());
    }
    Ok((message.bytes, fds))
}

fn cut_short() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a datagram was cut short")
}
