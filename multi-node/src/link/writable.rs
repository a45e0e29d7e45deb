//! Write readiness of any fd, on tokio: [`Readable`](super::readable::Readable)'s counterpart.

use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};

use tokio::net::unix::pipe;

/// An fd, registered with the runtime that it was made in.
#[derive(Debug)]
pub(crate) struct Writable(pipe::Sender);

impl Writable {
    /// # Errors
    /// When the kernel's poll does not take it, or there is no room.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O enabled.
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Writable> {
        Ok(Writable(pipe::Sender::from_owned_fd_unchecked(fd)?))
    }

    /// Ready when the kernel may take something; wakes one task, the last that asked.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_write_ready(cx)
    }

    /// Calls `give` if the kernel may take something; on `WouldBlock` it takes nothing until it
    /// says otherwise.
    pub(crate) fn try_io<T>(&self, give: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.0.try_io(give)
    }
}
