//! What every version of the program answers: who it is, and what was asked.

use std::io::{self, Write};

use axum::Router;
use axum::http::Uri;
use multi_node::Nodes;

/// Serves `version` on this node until it is told to leave.
///
/// # Errors
///
/// As `Nodes::serve`.
pub async fn serve(nodes: Nodes, version: &'static str) -> io::Result<()> {
    let me = format!(
        "node={} slot={} generation={} pid={} version={version}",
        nodes.id(),
        nodes.slot(),
        nodes.generation(),
        std::process::id(),
    );
    let addr = nodes.local_addr().map_or_else(|| "none".to_owned(), |addr| addr.to_string());
    // In one write, so that the lines of many processes do not mix; a harness that ended does not
    // read any more.
    let _ = io::stdout().lock().write_all(format!("up {me} addr={addr}\n").as_bytes());
    let answer = move |uri: Uri| async move { format!("{me} {}", uri.query().unwrap_or_default()) };
    nodes.serve(Router::new().fallback(answer)).await
}
