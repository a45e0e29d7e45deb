//! HTTP connections that become something else, as WebSockets do.

use std::io;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONNECTION, UPGRADE};
use axum::http::{Request, Response, StatusCode};
use axum::routing::get;
use hyper_util::rt::TokioIo;
use multi_node::Nodes;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::words::{up, who};

/// `GET /deaf` and `GET /told`: a connection that first says which node this is and then answers
/// each line with itself; a told one says `bye` and closes when its node drains.
#[multi_node::main(port = 0, nodes = 2)]
pub(crate) async fn upgrades(nodes: Nodes) -> io::Result<()> {
    let upgrade = |nodes: Nodes, told: bool| {
        get(move |request: Request<Body>| std::future::ready(switch(nodes.clone(), told, request)))
    };
    let app = Router::new()
        .route("/deaf", upgrade(nodes.clone(), false))
        .route("/told", upgrade(nodes.clone(), true));
    up(&nodes);
    nodes.serve(app).await
}

fn switch(nodes: Nodes, told: bool, request: Request<Body>) -> Response<Body> {
    tokio::spawn(async move {
        let upgraded = hyper::upgrade::on(request).await.expect("it was asked for");
        // The client may be gone in the middle of an answer.
        let _ = echo(&nodes, told, TokioIo::new(upgraded)).await;
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, "lines")
        .body(Body::empty())
        .expect("valid")
}

async fn echo(
    nodes: &Nodes,
    told: bool,
    upgraded: TokioIo<hyper::upgrade::Upgraded>,
) -> io::Result<()> {
    let mut stream = BufReader::new(upgraded);
    stream.write_all(format!("{}\n", who(nodes)).as_bytes()).await?;
    let mut line = String::new();
    loop {
        tokio::select! {
            read = stream.read_line(&mut line) => {
                if read? == 0 {
                    return Ok(());
                }
            }
            () = nodes.shutdown(), if told => {
                stream.write_all(b"bye\n").await?;
                return stream.shutdown().await;
            }
        }
        stream.write_all(line.as_bytes()).await?;
        line.clear();
    }
}
