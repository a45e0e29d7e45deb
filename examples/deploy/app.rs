//! What the units, the image and the manifest beside it run: a web server with probes.
//!
//! Shows:  `nodes.is_ready()` behind a readiness probe; every number that an operator may want to
//!         change comes from the environment.
//! Run:    cargo run --example app
//! Try:    curl -i http://127.0.0.1:8080/ready; then Ctrl-C, with MULTI_NODE_DRAIN_DELAY=10s, and
//!         ask again.
//! Expect: 200 and `ready`, and for the ten seconds that it goes on serving 503 and `leaving`.

use std::io;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use multi_node::Nodes;

#[multi_node::main(port = 8080, nodes = auto)]
async fn main(nodes: Nodes) -> io::Result<()> {
    if nodes.is_master()
        && let Some(address) = nodes.local_addr()
    {
        println!("listening on http://{address}");
    }
    let app = Router::new()
        .route("/", get(hello))
        .route("/live", get(async || "alive"))
        .route("/ready", get(ready))
        .with_state(nodes.clone());
    nodes.serve(app).await
}

type State = axum::extract::State<Nodes>;

async fn hello(nodes: State) -> String {
    format!("hello from node={} generation={}\n", nodes.id(), nodes.generation())
}

/// Not ready means: send no new requests here, though those that come are answered.
async fn ready(nodes: State) -> (StatusCode, &'static str) {
    if nodes.is_ready() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "leaving")
    }
}
