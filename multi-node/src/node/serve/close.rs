//! `Connection: close` on what is answered while the node drains, for servers of any make.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use tower_layer::Layer;
use tower_service::Service;

/// What a response must know of its request to say that the connection closes.
#[derive(Clone, Copy)]
pub(super) enum Closable {
    /// HTTP/2 says it with GOAWAY.
    No,
    Http10,
    Http11,
    /// A tunnel lives on after its response, if it was granted.
    Connect,
}

impl Closable {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        match request.version() {
            Version::HTTP_11 if request.method() == Method::CONNECT => Closable::Connect,
            Version::HTTP_11 => Closable::Http11,
            Version::HTTP_10 => Closable::Http10,
            _ => Closable::No,
        }
    }

    /// Has `response` say that the connection closes; false if it may not.
    pub(super) fn close<B>(self, response: &mut Response<B>) -> bool {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return false;
        }
        match self {
            Closable::No => return false,
            // hyper adds `keep-alive` for an HTTP/1.0 client to any response of a later version.
            Closable::Http10 => *response.version_mut() = Version::HTTP_10,
            Closable::Connect if response.status().is_success() => return false,
            Closable::Http11 | Closable::Connect => {}
        }
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        true
    }
}

/// A tower layer for those who run their own HTTP server: while the node drains, responses to
/// HTTP/1 requests say `Connection: close`, so that clients move on before the node leaves.
///
/// `Nodes::serve` does this by itself. HTTP/2 requests, upgrades and tunnels pass unchanged.
#[derive(Clone)]
pub struct CloseOnDrainLayer {
    draining: Draining,
}

type Draining = Arc<dyn Fn() -> bool + Send + Sync>;

impl CloseOnDrainLayer {
    /// A layer that asks `draining` at each response.
    pub(crate) fn new(draining: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        CloseOnDrainLayer { draining: Arc::new(draining) }
    }
}

impl<S> Layer<S> for CloseOnDrainLayer {
    type Service = CloseOnDrain<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CloseOnDrain { inner, draining: self.draining.clone() }
    }
}

/// The service that [`CloseOnDrainLayer`] makes.
#[derive(Clone)]
pub struct CloseOnDrain<S> {
    inner: S,
    draining: Draining,
}

impl<S, A, B> Service<Request<A>> for CloseOnDrain<S>
where
    S: Service<Request<A>, Response = Response<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = CloseOnDrainFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let closable = Closable::of(&request);
        CloseOnDrainFuture {
            inner: self.inner.call(request),
            closable,
            draining: self.draining.clone(),
        }
    }
}

pin_project_lite::pin_project! {
    /// The response of a [`CloseOnDrain`] service.
    pub struct CloseOnDrainFuture<F> {
        #[pin]
        inner: F,
        closable: Closable,
        draining: Draining,
    }
}

impl<F, B, E> Future for CloseOnDrainFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        if (this.draining)() {
            this.closable.close(&mut response);
        }
        Poll::Ready(Ok(response))
    }
}
