//! One connection to the server, with at most one request under way.

use std::net::SocketAddrV4;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, SockaddrIn, connect, recv, send, socket,
};

use crate::answer::{Progress, progress};

/// What became of a connection when it turned readable.
pub(crate) enum Turn {
    /// The answer is not complete yet.
    Waiting,
    /// The whole answer has come, and the connection can take the next request.
    Answered,
    /// The server closed it, after a whole answer or before.
    Closed {
        /// Whether the answer was whole.
        answered: bool,
    },
    /// Reset, or an answer that was none.
    Failed,
}

/// A connected socket and what it has received of the answer under way.
pub(crate) struct Connection {
    socket: OwnedFd,
    received: [u8; 1024],
    length: usize,
    answered: bool,
    /// When the request under way was sent, or was due.
    pub(crate) since: Instant,
}

impl Connection {
    /// Connects; on the loopback that is done when the call returns.
    pub(crate) fn open(address: SocketAddrV4) -> Result<Self, Errno> {
        let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        connect(socket.as_raw_fd(), &SockaddrIn::from(address))?;
        Ok(Self { socket, received: [0; 1024], length: 0, answered: false, since: Instant::now() })
    }

    /// Sends a request whose wait counts from `since`.
    pub(crate) fn request(&mut self, request: &[u8], since: Instant) -> Result<(), Errno> {
        self.length = 0;
        self.answered = false;
        self.since = since;
        let sent = send(self.socket.as_raw_fd(), request, MsgFlags::MSG_NOSIGNAL)?;
        assert_eq!(sent, request.len(), "an idle socket takes a small request");
        Ok(())
    }

    /// Reads once, without waiting.
    pub(crate) fn readable(&mut self) -> Turn {
        let space = &mut self.received[self.length..];
        match recv(self.socket.as_raw_fd(), space, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => Turn::Closed { answered: self.answered },
            Ok(count) => {
                self.length += count;
                match progress(&self.received[..self.length]) {
                    Progress::Partial if self.length < self.received.len() => Turn::Waiting,
                    Progress::Complete(_) => {
                        self.answered = true;
                        Turn::Answered
                    }
                    Progress::Partial | Progress::Wrong => Turn::Failed,
                }
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Turn::Waiting,
            Err(_) => Turn::Failed,
        }
    }

    /// The body of the answer that has come.
    pub(crate) fn body(&self) -> &[u8] {
        match progress(&self.received[..self.length]) {
            Progress::Complete(body) => body,
            Progress::Partial | Progress::Wrong => &[],
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
