//! A program that says itself when it is ready.

use std::io;

use axum::Router;
use axum::routing::get;
use multi_node::Nodes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::http::answer;
use crate::words::{argument, up, who};

/// `GET /`: which node this is, and the query. Every node serves at once, reports to the Unix socket that the
/// second argument names, and is ready when that connection closes.
#[multi_node::main(port = 0, nodes = 4, ready = "explicit")]
pub(crate) async fn warms_up(nodes: Nodes) -> io::Result<()> {
    let me = who(&nodes);
    let report = format!("{me} ready={}\n", nodes.is_ready());
    let app = Router::new().route("/", get(move |uri| std::future::ready(answer(&me, &uri))));
    let warm = nodes.clone();
    tokio::spawn(async move {
        let mut gate = UnixStream::connect(argument(2)).await.expect("the test listens");
        gate.write_all(report.as_bytes()).await.expect("the test reads");
        // A test that ended resets it, which is as good.
        let _ = gate.read_to_end(&mut Vec::new()).await;
        warm.ready();
    });
    up(&nodes);
    nodes.serve(app).await
}
