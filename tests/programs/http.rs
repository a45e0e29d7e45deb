//! An axum router, on `nodes.serve` and on axum's own server.

use axum::Router;
use axum::body::Bytes;
use axum::http::Uri;
use axum::routing::{get, post};
use multi_node::Nodes;

use crate::words::{up, who};

/// More than the socket buffers of both sides hold.
const LARGE: usize = 64 << 20;

/// `GET /`: which node this is, and the query. `GET /ready`: whether it is ready. `POST /count`: how
/// many bytes the whole body had. `GET /large`: 64 MiB. `GET /leak`: keeps as much memory for ever.
#[multi_node::main(port = 0, nodes = 4)]
pub(crate) async fn http(nodes: Nodes) -> std::io::Result<()> {
    let app = app(&nodes);
    // `serve` is polled first, and makes the node ready: who is said to be up has told its master.
    let (served, ()) = tokio::join!(nodes.serve(app), async { up(&nodes) });
    served
}

/// The paths above.
pub(crate) fn app(nodes: &Nodes) -> Router {
    let me = who(nodes);
    let probed = nodes.clone();
    Router::new()
        .route("/", get(move |uri| std::future::ready(answer(&me, &uri))))
        .route("/ready", get(move || std::future::ready(probed.is_ready().to_string())))
        .route("/count", post(|body: Bytes| async move { body.len().to_string() }))
        .route("/large", get(|| async { vec![b'x'; LARGE] }))
        .route("/leak", get(|| async { vec![b'x'; LARGE].leak().len().to_string() }))
}

/// `GET /`: which node this is, and the query.
#[multi_node::main(port = 0, nodes = 2)]
pub(crate) async fn axum_serve(nodes: Nodes) -> std::io::Result<()> {
    let me = who(&nodes);
    let app = Router::new()
        .route("/", get(move |uri| std::future::ready(answer(&me, &uri))))
        .layer(nodes.close_on_drain());
    up(&nodes);
    axum::serve(nodes.listener(), app).with_graceful_shutdown(nodes.shutdown()).await
}

/// Which node this is and what was asked, so that no answer is taken for another's.
pub(crate) fn answer(me: &str, uri: &Uri) -> String {
    match uri.query() {
        Some(query) => format!("{me} {query}"),
        None => me.to_owned(),
    }
}
