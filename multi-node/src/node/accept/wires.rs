//! What wakes a task that waits for a connection.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use tokio::net::unix::pipe;
use tokio::sync::futures::Notified;

use super::Sockets;
use super::ring::Ring;

/// The node's fds, registered with the runtime of the task that polled first.
pub(super) struct Wires {
    pub(super) listener: Wire,
    pub(super) inbox: Wire,
    pub(super) watch: Wire,
    pub(super) ring: Arc<Ring>,
}

impl Wires {
    pub(super) fn new(own: &Sockets, ring: Arc<Ring>) -> io::Result<Wires> {
        Ok(Wires {
            listener: Wire::new(own.listener.as_fd())?,
            inbox: Wire::new(own.inbox.as_fd())?,
            watch: Wire::new(ring.as_fd())?,
            ring,
        })
    }

    /// Waits until there may be a connection, or for `stop`.
    pub(super) async fn ready_or(&self, stop: Notified<'_>) -> io::Result<()> {
        tokio::select! {
            biased;
            ready = self.listener.0.readable() => ready,
            ready = self.inbox.0.readable() => ready,
            ready = self.watch.0.readable() => ready,
            () = stop => Ok(()),
        }
    }

    /// Waits for the end of a rest, or for `stop`.
    pub(super) async fn rested_or(
        &self,
        rested: Notified<'_>,
        stop: Notified<'_>,
    ) -> io::Result<()> {
        tokio::select! {
            biased;
            ready = self.watch.0.readable() => ready,
            () = rested => Ok(()),
            () = stop => Ok(()),
        }
    }
}

/// Read readiness of any fd.
///
/// No pipe is meant: tokio's safe way to register an fd of any kind is its pipe reader, whose
/// "unchecked" constructor takes all of them. `AsyncFd` would need `unsafe` here.
pub(super) struct Wire(pipe::Receiver);

impl Wire {
    fn new(fd: BorrowedFd<'_>) -> io::Result<Wire> {
        Ok(Wire(pipe::Receiver::from_owned_fd_unchecked(
            fd.try_clone_to_owned()?,
        )?))
    }

    /// Calls `take` if the fd may be readable; on `WouldBlock` it counts as unreadable until the
    /// kernel says otherwise.
    pub(super) fn try_io<T>(&self, take: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.0.try_io(take)
    }
}
