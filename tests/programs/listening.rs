//! Several listeners by name, each with something else behind it.

use std::io;

use axum::Router;
use axum::routing::get;
use multi_node::{Listener, Nodes};
use tokio::sync::mpsc;

use crate::lines::talk;
use crate::words::{argument, say, up, who};

/// Two apps, each on a listener of its own. `GET /`: which of them answers, and which node.
#[multi_node::main(listen(http = "127.0.0.1:0", admin = "127.0.0.1:0"), nodes = 3)]
pub(crate) async fn two_apps(nodes: Nodes) -> io::Result<()> {
    let app = |name: &str| {
        let answer = format!("{name} {}", who(&nodes));
        Router::new().route("/", get(move || std::future::ready(answer.clone())))
    };
    say_where(&nodes, "http");
    say_where(&nodes, "admin");
    up(&nodes);
    let (http, admin) =
        (nodes.serve_on("http", app("http")), nodes.serve_on("admin", app("admin")));
    tokio::try_join!(http, admin)?;
    Ok(())
}

/// Takes lines on every listener that the second argument names, as the scenario `lines` does; on
/// one that is named `NAME@SLOT` in that slot alone.
#[multi_node::main(nodes = 2)]
pub(crate) async fn named_lines(nodes: Nodes) -> io::Result<()> {
    for name in argument(2).split(',') {
        let (name, slot) = name.split_once('@').unwrap_or((name, ""));
        if !slot.is_empty() && slot != nodes.slot().to_string() {
            continue;
        }
        let listener = nodes.listener_named(name)?;
        say_where(&nodes, name);
        tokio::spawn(take_lines(nodes.clone(), listener));
    }
    // As in `lines`: ready first.
    tokio::task::yield_now().await;
    up(&nodes);
    nodes.shutdown().await;
    Ok(())
}

async fn take_lines(nodes: Nodes, listener: Listener) {
    let (order, _) = mpsc::unbounded_channel();
    while let Ok((connection, _)) = listener.accept().await {
        let (nodes, order) = (nodes.clone(), order.clone());
        tokio::spawn(async move {
            // The client may be gone in the middle of an answer.
            let _ = talk(nodes, connection, order).await;
        });
    }
}

fn say_where(nodes: &Nodes, name: &str) {
    let addr = nodes.listener_named(name).and_then(|listener| listener.local_addr());
    let addr = addr.expect("it was asked for");
    say(format_args!("listener name={name} at={addr} {}", who(nodes)));
}
