//! One connection from its first byte to its last.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tower_service::Service;

use super::BoxError;
use super::answer::App;
use super::drain::Drain;
use super::patience::Patience;
use super::silence::Silence;
use super::wire::{Open, Wire};
use crate::report;

/// What every connection of one `serve` needs.
pub(super) struct Server {
    pub(super) drain: Drain,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

impl Server {
    pub(super) fn new() -> Self {
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        // WebSockets over HTTP/2.
        http2.enable_connect_protocol();
        Server { drain: Drain::default(), http1: http1::Builder::new(), http2 }
    }
}

/// Serves one connection; what goes wrong on it is the client's and is only worth a debug line.
///
/// Not an `async fn`, which would hold its arguments beside what it makes of them: the future is
/// copied when it is spawned, and short connections feel it.
pub(super) fn run<T, S, B>(open: Arc<Open>, io: T, app: S) -> impl Future<Output = ()> + Send
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let wire = TokioIo::new(Wire::new(io, open.clone()));
    let app = App::new(app, open.clone());
    let mut connection = open.server.http1.serve_connection(wire, app).with_upgrades();
    async move {
        let served = match http1(&open, &mut connection).await {
            Http1::Ended(served) => served,
            Http1::IsHttp2 => match connection.into_parts() {
                // Boxed, because few connections get here and its state is large.
                Some(parts) => Box::pin(http2(&open, parts.io, parts.service)).await,
                None => Ok(()),
            },
        };
        if let Err(error) = served {
            report::debug!("connection failed: {error}");
        }
    }
}

/// How the HTTP/1 part of a connection ended.
enum Http1 {
    Ended(hyper::Result<()>),
    IsHttp2,
}

async fn http1<T, S, B>(
    open: &Open,
    connection: &mut http1::UpgradeableConnection<TokioIo<Wire<T>>, App<S>>,
) -> Http1
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + 'static,
    S::Error: Into<BoxError>,
    B: Body<Error: Into<BoxError>> + 'static,
{
    let mut closing = pin!(open.server.drain.closing.watch());
    let mut patience = pin!(Patience::new());
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(served) = Pin::new(&mut *connection).poll(cx) {
                return Poll::Ready(Http1::Ended(served));
            }
            if open.is_http2() {
                return Poll::Ready(Http1::IsHttp2);
            }
            // A request that has begun to arrive gets its answer, which says that it is the last.
            if closing.as_mut().passed_now(cx) && !open.waiting.head_begun() {
                Pin::new(&mut *connection).graceful_shutdown();
                continue;
            }
            if patience.as_mut().is_over(cx, &open.waiting) {
                report::debug!("no request in time");
                return Poll::Ready(Http1::Ended(Ok(())));
            }
            return Poll::Pending;
        }
    })
    .await
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
    let mut silence = pin!(None);
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(served) = connection.as_mut().poll(cx) {
                return Poll::Ready(served);
            }
            if draining.as_mut().passed_now(cx) {
                // GOAWAY in two steps, a ping between them: what the client sends before it has
                // seen it is answered too.
                open.tell_to_close();
                connection.as_mut().graceful_shutdown();
                silence.set(Some(Silence::begin(&open.traffic)));
                continue;
            }
            let silence = silence.as_mut().as_pin_mut();
            if silence.is_some_and(|silence| silence.is_final(cx, &open.traffic)) {
                report::debug!("the client does not answer");
                return Poll::Ready(Ok(()));
            }
            return Poll::Pending;
        }
    })
    .await
}
