//! An accepted connection: a TCP stream that is counted while it lives.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::accept::OpenGuard;

/// An accepted connection.
///
/// It counts as open until it is dropped. `TCP_NODELAY` and `SO_KEEPALIVE` are set, as they are
/// on the listener: what is written goes out at once, and a peer that is gone is found out.
#[derive(Debug)]
pub struct Connection {
    // Declared first: the stream is closed before it stops counting.
    stream: TcpStream,
    peer: SocketAddr,
    guard: OpenGuard,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, peer: SocketAddr, guard: OpenGuard) -> Connection {
        Connection { stream, peer, guard }
    }

    /// The address of the client.
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    /// The address that the client connected to.
    ///
    /// # Errors
    /// What getsockname(2) says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// Gives up the stream, with the guard that keeps it counted: drop both together.
    pub fn into_tcp(self) -> (TcpStream, OpenGuard) {
        (self.stream, self.guard)
    }
}

impl AsRef<TcpStream> for Connection {
    fn as_ref(&self) -> &TcpStream {
        &self.stream
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
