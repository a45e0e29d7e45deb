//! Socket pairs and the passing of fds over them: one datagram, its bytes and its fds, whole or
//! not at all, or what there is of a stream. Never blocks longer than the deadline it is given.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, socketpair,
};

/// The most fds one datagram may carry (`SCM_MAX_FD` in the kernel's `include/net/scm.h`).
pub(crate) const SCM_MAX_FD: usize = 253;

/// Room for the control message that carries so many.
// SAFETY: it only computes.
const CONTROL: usize =
    unsafe { libc::CMSG_SPACE((SCM_MAX_FD * size_of::<RawFd>()) as libc::c_uint) } as usize;

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

/// Sends `bytes` and `fds` as one datagram; into a stream, no more bytes than a page.
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

/// How much this side has not taken yet, in bytes.
pub(crate) fn waiting(socket: BorrowedFd<'_>) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int to where its argument points, and does no more.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::FIONREAD, &raw mut bytes) };
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

/// Whether the kernel does not pass on these fds, now or later: those of an io_uring, or what a
/// security module keeps back.
pub(crate) fn is_refusal(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EINVAL | Errno::EPERM | Errno::EACCES | Errno::EBADF))
}

/// What [`receive`] took: the datagram's length (0: the other side is gone) and its fds.
pub(crate) type Received = (usize, Vec<OwnedFd>);

/// Takes one datagram into `buffer`; the fds are close-on-exec from birth.
///
/// They are fewer than were sent when this process has no room for more (`EMFILE`): the kernel
/// has dropped the rest.
///
/// # Errors
/// `WouldBlock` when none is there; `InvalidData` when it was larger than `buffer`.
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Received> {
    let mut fds = Vec::new();
    let room = std::ptr::from_mut(buffer).cast();
    // SAFETY: the room is `buffer`, which lives and nobody else uses meanwhile.
    let (length, flags) = unsafe { take(socket, room, buffer.len(), &mut fds)? };
    if flags & libc::MSG_TRUNC != 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a datagram was cut short"));
    }
    Ok((length, fds))
}

/// What [`read`] took: how many bytes (0: the other side is gone), and the fds that came with the
/// last of them, as in [`receive`]: none of them when there was no room for any, and nothing at all
/// when none were sent. A read ends where it finds fds, so they are those of one [`send`].
pub(crate) type Taken = (usize, Option<Vec<OwnedFd>>);

/// Reads once from a stream, at most into the room that `buffer` has.
///
/// # Errors
/// `WouldBlock` when there is nothing to read.
pub(crate) fn read(socket: BorrowedFd<'_>, buffer: &mut Vec<u8>) -> io::Result<Taken> {
    let room = buffer.spare_capacity_mut();
    let (start, length) = (room.as_mut_ptr().cast(), room.len());
    let mut fds = Vec::new();
    // SAFETY: the room is the buffer's own, and the kernel has written as much of it as it says.
    let (length, flags) = unsafe {
        let (length, flags) = take(socket, start, length, &mut fds)?;
        buffer.set_len(buffer.len() + length);
        (length, flags)
    };
    // The kernel's word for fds that it had to drop.
    let came = !fds.is_empty() || flags & libc::MSG_CTRUNC != 0;
    Ok((length, came.then_some(fds)))
}

/// Takes one message, or what there is of a stream: its length, its flags, and its fds.
///
/// # Safety
/// `start` is the start of `length` bytes that may be written to.
unsafe fn take(
    socket: BorrowedFd<'_>,
    start: *mut libc::c_void,
    length: usize,
    fds: &mut Vec<OwnedFd>,
) -> io::Result<(usize, libc::c_int)> {
    let mut bytes = libc::iovec { iov_base: start, iov_len: length };
    let mut space = [const { MaybeUninit::<u64>::uninit() }; CONTROL.div_ceil(size_of::<u64>())];
    // SAFETY: all zero is a header without anything in it.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut bytes;
    header.msg_iovlen = 1;
    header.msg_control = space.as_mut_ptr().cast();
    header.msg_controllen = size_of_val(&space) as _;
    let flags = libc::MSG_CMSG_CLOEXEC | libc::MSG_DONTWAIT;
    // SAFETY: the header names the caller's bytes and `space`, with their lengths; both live.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) };
    let length = Errno::result(length)?;
    // SAFETY: the kernel has just filled in the header and its control space.
    unsafe { installed(&header, fds) };
    Ok((length.cast_unsigned(), header.msg_flags))
}

/// Adds the fds that came with a message. nix gives up when some of them were lost, and with that
/// the others leak.
///
/// # Safety
/// recvmsg(2) filled `header`, its control space is still there, and this is called once.
unsafe fn installed(header: &libc::msghdr, fds: &mut Vec<OwnedFd>) {
    // SAFETY: the kernel made the control messages, so the macros find whole ones alone. Of each
    // fd that it counts it has made an entry in this process's table, whose number nobody knows yet.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while let Some(found) = control.as_ref() {
            if (found.cmsg_level, found.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
                let first = libc::CMSG_DATA(control).cast::<RawFd>();
                // Its type is not the same everywhere.
                let whole: usize = found.cmsg_len as _;
                let bytes = whole - libc::CMSG_LEN(0) as usize;
                fds.extend(
                    (0..bytes / size_of::<RawFd>())
                        .map(|index| OwnedFd::from_raw_fd(first.add(index).read_unaligned())),
                );
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
}

#[cfg(test)]
mod tests;
