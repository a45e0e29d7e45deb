//! One connection from its first byte to its last.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tower_service::Service;

use super::BoxError;
use super::answer::App;
use super::drain::Drain;
use super::wire::{Open, Wire};
use crate::report;

/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// What every connection of one `serve` needs.
pub(super) struct Server {
    pub(super) drain: Drain,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

impl Server {
    pub(super) fn new() -> Self {
        let mut http1 = http1::Builder::new();
        http1.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        // WebSockets over HTTP/2.
        http2.timer(TokioTimer::new()).enable_connect_protocol();
        Server { drain: Drain::default(), http1, http2 }
    }
}

/// Serves one connection; what goes wrong on it is the client's and is only worth a debug line.
pub(super) async fn run<T, S, B>(open: Arc<Open>, io: T, app: S)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let served = match http1(&open, io, app).await {
        Http1::Ended(served) => served,
        // Boxed, because few connections get here and its state is large.
        Http1::IsHttp2(wire, app) => Box::pin(http2(&open, wire, app)).await,
    };
    if let Err(error) = served {
        report::debug!("connection failed: {error}");
    }
}

/// How the HTTP/1 part of a connection ended.
enum Http1<T, S> {
    Ended(hyper::Result<()>),
    IsHttp2(TokioIo<Wire<T>>, App<S>),
}

async fn http1<T, S, B>(open: &Arc<Open>, io: T, app: S) -> Http1<T, S>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + 'static,
    S::Error: Into<BoxError>,
    B: Body<Error: Into<BoxError>> + 'static,
{
    let wire = TokioIo::new(Wire::new(io, open.clone()));
    let app = App::new(app, open.clone());
    let mut connection = open.server.http1.serve_connection(wire, app).with_upgrades();
    let mut closing = pin!(open.server.drain.closing.watch());
    let ended = poll_fn(|cx| {
        loop {
            if let Poll::Ready(served) = Pin::new(&mut connection).poll(cx) {
                return Poll::Ready(Some(served));
            }
            if open.is_http2() {
                return Poll::Ready(None);
            }
            if !closing.as_mut().passed_now(cx) {
                return Poll::Pending;
            }
            // Closes at once if idle, after the response otherwise.
            Pin::new(&mut connection).graceful_shutdown();
        }
    })
    .await;
    match ended {
        Some(served) => Http1::Ended(served),
        None => match connection.into_parts() {
            Some(parts) => Http1::IsHttp2(parts.io, parts.service),
            None => Http1::Ended(Ok(())),
        },
    }
}

async fn http2<T, S, B>(open: &Open, wire: TokioIo<Wire<T>>, app: App<S>) -> hyper::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let mut connection = pin!(open.server.http2.serve_connection(wire, app));
    let mut draining = pin!(open.server.drain.draining.watch());
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(served) = connection.as_mut().poll(cx) {
                return Poll::Ready(served);
            }
            if !draining.as_mut().passed_now(cx) {
                return Poll::Pending;
            }
            // GOAWAY in two steps: what the client sends before it has seen it is answered too.
            open.tell_to_close();
            connection.as_mut().graceful_shutdown();
        }
    })
    .await
}
