//! Read readiness of any fd, on tokio.
//!
//! No pipe is meant here: tokio's safe way to register an fd of any kind is its pipe reader,
//! whose "unchecked" constructor takes all of them. `AsyncFd` would need `unsafe`.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::task::{Context, Poll};

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

/// An fd, registered with the runtime that it was made in.
#[derive(Debug)]
pub(crate) struct Readable(pipe::Receiver);

impl Readable {
    /// # Errors
    /// When the kernel's poll does not take it, or there is no room.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O enabled.
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Readable> {
        Ok(Readable(pipe::Receiver::from_owned_fd_unchecked(fd)?))
    }

    /// Waits until there may be something to read. Cancel-safe.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
    }

    /// Calls `take` if there may be something to read; on `WouldBlock` it counts as unreadable
    /// until the kernel says otherwise.
    pub(crate) fn try_io<T>(&self, take: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.0.try_io(take)
    }

    /// Reads once, at most into the room that `buffer` has; ready with 0 at the end.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        pin!(self.0.read_buf(buffer)).poll(cx)
    }
}
