//! Read readiness of any fd, on tokio.
//!
//! No pipe is meant here: tokio's safe way to register an fd of any kind is its pipe reader,
//! whose "unchecked" constructor takes all of them. `AsyncFd` would need `unsafe`.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use crate::sys::packet::{self, Taken};

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

    /// Ready when there may be something to read; wakes one task, the last that asked.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read_ready(cx)
    }

    /// It counts as unreadable until the kernel says otherwise.
    pub(crate) fn exhausted(&self) {
        let _ = self.0.try_io(|| io::Result::<()>::Err(io::ErrorKind::WouldBlock.into()));
    }

    /// Reads once, at most into the room that `buffer` has; ready with 0 at the end.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        pin!(self.0.read_buf(buffer)).poll(cx)
    }

    /// As [`Readable::poll_read`] from a socket, with the fds that came.
    pub(crate) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<io::Result<Taken>> {
        loop {
            ready!(self.poll_ready(cx))?;
            let mut read = Err(io::ErrorKind::WouldBlock.into());
            // A read that fds did not cut short took all there was, and epoll tells of what comes
            // from now on: there is no need to ask. What it told of since the read began is not
            // forgotten, for that is said within `try_io`.
            let _ = self.try_io(|| {
                read = self.receive_now(buffer);
                let all = matches!(read, Ok((1.., None))) && buffer.len() < buffer.capacity();
                let blocked = matches!(&read, Err(error) if would_block(error));
                if all || blocked { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match read {
                Err(error) if would_block(&error) => {}
                read => return Poll::Ready(read),
            }
        }
    }

    /// As [`Readable::poll_receive`], of what is known to have come, whatever the runtime has heard
    /// of it.
    ///
    /// # Errors
    /// `WouldBlock` when it has not.
    pub(crate) fn receive_now(&self, buffer: &mut Vec<u8>) -> io::Result<Taken> {
        packet::read(self.0.as_fd(), buffer)
    }
}

fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
