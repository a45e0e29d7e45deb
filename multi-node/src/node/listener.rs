//! Where a node's connections come from.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::accept::Acceptor;
use super::connection::Connection;
use crate::report;

/// Accepts the connections that are this node's to serve.
///
/// Connections are spread so that every node has as many open as the others, give or take one,
/// and what queues at a node that hangs is taken by another within 100 ms; on a machine without
/// a CPU to spare, within a second or so. Clones are the same listener; any number of tasks may
/// await [`accept`](Listener::accept) at once. A node whose tasks leave `accept` alone for longer
/// than some 25 ms while connections queue, time without a CPU not counted, counts as stuck: the
/// others take those connections.
#[derive(Clone)]
pub struct Listener {
    acceptor: Acceptor,
}

impl Listener {
    pub(crate) fn new(acceptor: Acceptor) -> Listener {
        Listener { acceptor }
    }

    /// Waits for the next connection; the first call makes this node ready, unless it is ready when
    /// it says so itself (`ready = "explicit"`): then it takes none before.
    ///
    /// Never returns on a node that does not listen, nor on one that drains. Dropping the future
    /// loses no connection. When the process runs out of fds, the others take over and this one
    /// tries again every 80 ms.
    ///
    /// # Errors
    /// Only what lasts and ends accepting.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O enabled. The runtime of the first call drives all others.
    pub async fn accept(&self) -> io::Result<(Connection, SocketAddr)> {
        loop {
            let (stream, peer, guard) = self.acceptor.accept().await?;
            match TcpStream::from_std(stream) {
                Ok(stream) => return Ok((Connection::new(stream, peer, guard), peer)),
                Err(error) => {
                    report::warn!("a connection from {peer} cannot be registered: {error}")
                }
            }
        }
    }

    /// The address that the program listens on, with the port that the kernel chose for port 0.
    ///
    /// # Errors
    /// `Unsupported` when the program does not listen.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.acceptor.local_addr()
    }

    /// The bare listening socket, non-blocking, for servers that accept by themselves; makes this
    /// node ready, unless it says so itself (`ready = "explicit"`): take it when it is.
    ///
    /// It leaves fair accept: the kernel alone decides which connections arrive here, they are
    /// not counted, and nothing is passed on. Stop accepting when
    /// `Nodes::shutdown` resolves: nothing stops you.
    ///
    /// # Errors
    /// `Unsupported` on a node that does not listen; when no fd is left.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        Ok(self.acceptor.set_apart()?.into())
    }

    /// The same as [`into_std`](Listener::into_std), registered with tokio.
    ///
    /// # Errors
    /// As [`into_std`](Listener::into_std).
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O enabled.
    pub fn into_tokio(self) -> io::Result<tokio::net::TcpListener> {
        tokio::net::TcpListener::from_std(self.into_std()?)
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("local_addr", &self.local_addr().ok()).finish()
    }
}
