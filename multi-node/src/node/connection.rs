//! An accepted connection: a stream that is counted while it lives.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::accept::OpenGuard;
use crate::config::Addr;
use crate::sys::socket;

/// An accepted connection, over TCP or a Unix socket.
///
/// It counts as open until it is dropped. `TCP_NODELAY` and `SO_KEEPALIVE` are set, as they are
/// on the listener: what is written goes out at once, and a peer that is gone is found out.
#[derive(Debug)]
pub struct Connection {
    // Declared first: the stream is closed before it stops counting.
    stream: Stream,
    peer: Addr,
    guard: OpenGuard,
    /// Read, and put back.
    unread: VecDeque<u8>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Does the same with either stream.
macro_rules! either {
    ($stream:expr, $it:ident => $does:expr) => {
        match $stream {
            Stream::Tcp($it) => $does,
            Stream::Unix($it) => $does,
        }
    };
}

impl Connection {
    /// # Errors
    /// When the runtime cannot take one more.
    pub(crate) fn new(stream: OwnedFd, peer: Addr, guard: OpenGuard) -> io::Result<Connection> {
        let stream = match peer {
            Addr::Inet(_) => Stream::Tcp(TcpStream::from_std(stream.into())?),
            Addr::Unix(_) => Stream::Unix(UnixStream::from_std(stream.into())?),
        };
        Ok(Connection { stream, peer, guard, unread: VecDeque::new() })
    }

    /// Puts bytes back that were read: whoever reads next gets them first, also in another process
    /// that this connection is [handed over](crate::Nodes::hand_over) to.
    ///
    /// ```
    /// use multi_node::Connection;
    /// use tokio::io::{AsyncBufReadExt, BufReader};
    ///
    /// /// Reads a line, and leaves what follows it where it was.
    /// async fn first_line(connection: Connection) -> std::io::Result<(String, Connection)> {
    ///     let mut reader = BufReader::new(connection);
    ///     let mut line = String::new();
    ///     reader.read_line(&mut line).await?;
    ///     let ahead = reader.buffer().to_vec();
    ///     let mut connection = reader.into_inner();
    ///     connection.unread(&ahead);
    ///     Ok((line, connection))
    /// }
    /// # let _ = first_line;
    /// ```
    pub fn unread(&mut self, bytes: &[u8]) {
        self.unread.reserve(bytes.len());
        bytes.iter().rev().for_each(|byte| self.unread.push_front(*byte));
    }

    /// What was put back, and is to be read first.
    pub(super) fn put_back(&self) -> Vec<u8> {
        self.unread.iter().copied().collect()
    }

    /// The number of the listener that it came through.
    pub(super) fn listener(&self) -> u16 {
        self.guard.listener()
    }

    /// The address of the client.
    pub fn peer_addr(&self) -> &Addr {
        &self.peer
    }

    /// The address that the client connected to.
    ///
    /// # Errors
    /// What getsockname(2) says.
    pub fn local_addr(&self) -> io::Result<Addr> {
        socket::local_addr(self.as_fd())
    }

    /// The stream of a TCP connection. It knows nothing of what was put back with
    /// [`unread`](Connection::unread).
    pub fn as_tcp(&self) -> Option<&TcpStream> {
        match &self.stream {
            Stream::Tcp(stream) => Some(stream),
            Stream::Unix(_) => None,
        }
    }

    /// The stream of a connection over a Unix socket; as [`as_tcp`](Connection::as_tcp).
    pub fn as_unix(&self) -> Option<&UnixStream> {
        match &self.stream {
            Stream::Tcp(_) => None,
            Stream::Unix(stream) => Some(stream),
        }
    }

    /// Gives up the stream, with the guard that keeps it counted: drop both together.
    ///
    /// # Errors
    /// The connection itself when it is none over TCP, or has bytes that were put back.
    #[allow(clippy::result_large_err)] // What is given back is what came.
    pub fn into_tcp(self) -> Result<(TcpStream, OpenGuard), Connection> {
        match self.stream {
            Stream::Tcp(stream) if self.unread.is_empty() => Ok((stream, self.guard)),
            Stream::Tcp(_) | Stream::Unix(_) => Err(self),
        }
    }

    /// Gives up the stream, with the guard that keeps it counted: drop both together.
    ///
    /// # Errors
    /// The connection itself when it is none over a Unix socket, or has bytes that were put back.
    #[allow(clippy::result_large_err)] // What is given back is what came.
    pub fn into_unix(self) -> Result<(UnixStream, OpenGuard), Connection> {
        match self.stream {
            Stream::Unix(stream) if self.unread.is_empty() => Ok((stream, self.guard)),
            Stream::Tcp(_) | Stream::Unix(_) => Err(self),
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        either!(&self.stream, stream => stream.as_fd())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.unread.is_empty() {
            let read = self.unread.read(buffer.initialize_unfilled())?;
            buffer.advance(read);
            return Poll::Ready(Ok(()));
        }
        either!(&mut self.stream, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(&mut self.stream, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(&mut self.stream, stream => Pin::new(stream).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        either!(&self.stream, stream => stream.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.stream, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.stream, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
