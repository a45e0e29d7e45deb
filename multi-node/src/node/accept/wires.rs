//! What wakes a task that waits for a connection.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use tokio::sync::futures::Notified;

use super::Sockets;
use super::ring::Ring;
use crate::link::readable::Readable;

/// The node's fds, registered with the runtime of the task that polled first.
pub(super) struct Wires {
    pub(super) listener: Readable,
    pub(super) inbox: Readable,
    pub(super) watch: Readable,
    pub(super) ring: Arc<Ring>,
}

impl Wires {
    pub(super) fn new(own: &Sockets, ring: Arc<Ring>) -> io::Result<Wires> {
        Ok(Wires {
            listener: wire(own.listener.as_fd())?,
            inbox: wire(own.inbox.as_fd())?,
            watch: wire(ring.as_fd())?,
            ring,
        })
    }

    /// Waits until there may be a connection, or for `stop`.
    pub(super) async fn ready_or(&self, stop: Notified<'_>) -> io::Result<()> {
        tokio::select! {
            biased;
            ready = self.listener.readable() => ready,
            ready = self.inbox.readable() => ready,
            ready = self.watch.readable() => ready,
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
            ready = self.watch.readable() => ready,
            () = rested => Ok(()),
            () = stop => Ok(()),
        }
    }
}

fn wire(fd: BorrowedFd<'_>) -> io::Result<Readable> {
    Readable::new(fd.try_clone_to_owned()?)
}
