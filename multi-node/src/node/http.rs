//! [`Nodes`] as an HTTP server, and the layer for those who bring their own.

use std::io;

use http_body::Body;
use hyper::body::Incoming;
use hyper::{Request, Response};
use tower_service::Service;

use super::serve::{self, BoxError, CloseOnDrainLayer, Source};
use super::{Connection, Listener, Nodes};

impl Nodes {
    /// Serves HTTP/1 and HTTP/2 on this node until it is to drain, then leaves without losing a
    /// request.
    ///
    /// `app` is an axum `Router` or any tower service; every connection gets a clone. When the
    /// node drains, the next response on each connection says `Connection: close` (HTTP/2:
    /// GOAWAY), idle connections are closed after `drain_grace`, and this returns when the last one
    /// has closed. Upgraded connections (WebSocket) count too: their handlers learn of the drain
    /// from [`shutdown`](Nodes::shutdown), and have until `drain_timeout` to close them.
    ///
    /// ```no_run
    /// use axum::{Router, routing::get};
    /// use multi_node::Nodes;
    ///
    /// #[multi_node::main(port = 8080, nodes = 4)]
    /// async fn main(nodes: Nodes) -> std::io::Result<()> {
    ///     let app = Router::new().route("/", get(|| async { "hello\n" }));
    ///     nodes.serve(app).await
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`Listener::accept`].
    pub async fn serve<S, B>(&self, app: S) -> io::Result<()>
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        self.serve_from(self.listener(), app).await
    }

    /// As [`serve`](Nodes::serve), on the listener with this name: several apps are served at once
    /// with `tokio::try_join!`.
    ///
    /// ```no_run
    /// use axum::{Router, routing::get};
    /// use multi_node::Nodes;
    ///
    /// #[multi_node::main(listen(http = "0.0.0.0:8080", admin = "127.0.0.1:9000"), nodes = 4)]
    /// async fn main(nodes: Nodes) -> std::io::Result<()> {
    ///     let app = Router::new().route("/", get(|| async { "hello\n" }));
    ///     let admin = Router::new().route("/health", get(|| async { "well\n" }));
    ///     tokio::try_join!(nodes.serve_on("http", app), nodes.serve_on("admin", admin))?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`listener_named`](Nodes::listener_named) and [`Listener::accept`].
    pub async fn serve_on<S, B>(&self, listener: &str, app: S) -> io::Result<()>
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        self.serve_from(self.listener_named(listener)?, app).await
    }

    async fn serve_from<S, B>(&self, listener: Listener, app: S) -> io::Result<()>
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        serve::serve(listener, |_| app.clone(), self.shutdown(), self.0.drain_grace).await
    }

    /// A tower layer for those who run their own HTTP server: while this node drains, responses
    /// say `Connection: close`.
    pub fn close_on_drain(&self) -> CloseOnDrainLayer {
        let nodes = self.clone();
        CloseOnDrainLayer::new(move || nodes.draining())
    }
}

impl Source for Listener {
    type Io = Connection;

    async fn accept(&self) -> io::Result<Connection> {
        Ok(Listener::accept(self).await?.0)
    }
}
