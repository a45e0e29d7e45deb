//! Serves HTTP/1 and HTTP/2 on one source of connections, and leaves as a lame duck.
//!
//! ```text
//!            shutdown             grace over              last connection closed
//! Serving ─────────────▶ Draining ───────────▶ Closing ─────────────────────────▶ Ok(())
//!                           └───────────────────────────────────────────────────────┘
//! ```
//!
//! - *Draining*: the next response on each HTTP/1 connection says `Connection: close`, and the
//!   connection closes after it; an idle one stays open, because a request may be on its way.
//!   HTTP/2 connections are sent GOAWAY and finish the streams that were opened before it arrived;
//!   a client that does not answer the ping that comes with it is given up.
//! - *Closing*: idle HTTP/1 connections are closed. What is being read, handled or written is
//!   finished; only `drain_timeout`, which is enforced elsewhere, cuts it off.
//!
//! Connections that were upgraded (WebSocket) count until they are closed; their handlers learn of
//! the drain from `Nodes::shutdown()`. Nothing here knows of processes, sockets or signals.

mod answer;
mod close;
mod connection;
mod drain;
mod patience;
mod silence;
mod wire;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body::Body;
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tower_service::Service;

use connection::Server;
use wire::Open;

pub use close::{CloseOnDrain, CloseOnDrainFuture, CloseOnDrainLayer};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Where connections come from.
pub(crate) trait Source {
    /// A connection; TCP ones have `TCP_NODELAY` set, since responses are written whole.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next connection; cancel-safe.
    ///
    /// It is polled for as long as the drain lasts, so that nothing that was taken from the kernel
    /// is lost: a source that is told to stop gives out what it has and then stays pending.
    ///
    /// # Errors
    ///
    /// Only what lasts; `serve` ends with it.
    async fn accept(&self) -> io::Result<Self::Io>;
}

/// Serves what `source` accepts with the service that `app` makes for each connection.
///
/// Returns when `shutdown` has resolved and every connection has closed; idle ones are closed
/// `grace` after it. When the returned future is dropped, or fails, connections that are open
/// finish the request in progress in the background and close.
pub(crate) async fn serve<A, M, S, B>(
    source: A,
    app: M,
    shutdown: impl Future<Output = ()>,
    grace: Duration,
) -> io::Result<()>
where
    A: Source,
    M: Fn(&A::Io) -> S,
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let server = Arc::new(Server::new());
    let _closing = CloseOnDrop(&server);
    let mut drained = pin!(server.drain.run(shutdown, grace));
    loop {
        // Accepting comes first: the last connection to be accepted must be counted before the
        // drain finds that none is left.
        tokio::select! {
            biased;
            accepted = source.accept() => {
                let io = accepted?;
                let app = app(&io);
                tokio::spawn(connection::run(Open::new(server.clone()), io, app));
            }
            () = &mut drained => return Ok(()),
        }
    }
}

/// Sees to it that no connection outlives a `serve` that was dropped for longer than its request.
struct CloseOnDrop<'a>(&'a Server);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.drain.close();
    }
}
