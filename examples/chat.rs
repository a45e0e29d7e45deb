//! Chat rooms in the browser; the people in a room are on different nodes and do not notice.
//!
//! Shows:  `nodes.topic`: a room is a topic, and a line goes to the nodes where somebody is in the
//!         room, and to no other; WebSockets under `nodes.serve`, and how a connection that never
//!         ends leaves when its node drains.
//! Run:    cargo run --example chat
//! Try:    open http://127.0.0.1:8080 in two windows and talk; http://127.0.0.1:8080/tea is
//!         another room. `kill -9` the process that a window is on (the end of node 0, the first
//!         process, would be the end of all), or `kill -HUP` the first one, while you talk.
//! Expect: each window shows the node that it is on, and each line the node that it came from. The
//!         window whose process you killed is back at once on another node, and the others notice
//!         nothing; after `kill -HUP` all are back at once, most of them on a new node.

use std::{error::Error, io, pin::pin};

use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, close_code};
use axum::extract::{Path, State, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse};
use axum::{Router, routing::get};
use multi_node::{Message, Nodes, SubscribeConfig, Topic, WhenFull};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What somebody said in a room: all that travels between nodes.
#[derive(Debug, Serialize, Deserialize, Message)]
struct Said {
    who: String,
    text: String,
}

#[multi_node::main(port = 8080, nodes = 4)]
async fn main(nodes: Nodes) -> io::Result<()> {
    // The first topic that a node names joins it to the others: now, and not when somebody comes.
    let _lobby = nodes.topic::<Said>("lobby");
    if nodes.is_master()
        && let Some(address) = nodes.local_addr()
    {
        println!("listening on http://{address}");
    }
    let page = get(async || Html(include_str!("chat.html")));
    let app = Router::new().route("/", page.clone()).route("/{room}", page);
    nodes.serve(app.route("/{room}/{who}", get(enter)).with_state(nodes.clone())).await
}

/// The page opens a WebSocket to come in.
async fn enter(
    State(nodes): State<Nodes>,
    Path((room, who)): Path<(String, String)>,
    upgrade: WebSocketUpgrade,
) -> Result<impl IntoResponse, (StatusCode, String)> {
    let room: Topic<Said> =
        nodes.try_topic(&room).map_err(|error| (StatusCode::NOT_FOUND, error.to_string()))?;
    Ok(upgrade.max_message_size(4096).on_upgrade(async move |socket| {
        let _ = talk(&nodes, &room, &who, socket).await; // a browser may vanish at any time
    }))
}

/// Carries lines between a browser and its room until the browser leaves or the node does.
async fn talk(
    nodes: &Nodes,
    room: &Topic<Said>,
    who: &str,
    mut socket: WebSocket,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    // Too slow a browser misses lines, and holds up nobody.
    let config = SubscribeConfig::new().when_full(WhenFull::DropOldest);
    let mut lines = room.subscribe_with(config).await;
    let process = std::process::id();
    let here = json!({ "here": true, "node": nodes.id().to_string(), "process": process });
    socket.send(Frame::text(here.to_string())).await?;
    let mut shutdown = pin!(nodes.shutdown());
    loop {
        tokio::select! {
            line = lines.recv() => if let Some(Ok(line)) = line {
                let (node, Said { who, text }) = (line.from.to_string(), line.message);
                let line = json!({ "node": node, "who": who, "text": text });
                socket.send(Frame::text(line.to_string())).await?;
            },
            frame = socket.recv() => match frame.transpose()? {
                Some(Frame::Text(text)) => {
                    room.publish(&Said { who: who.into(), text: text.to_string() }).await?;
                }
                Some(_) => {} // a ping, which is answered by itself
                None => return Ok(()),
            },
            () = &mut shutdown => {
                let (code, reason) = (close_code::RESTART, "this node leaves".into());
                socket.send(Frame::Close(Some(CloseFrame { code, reason }))).await?;
                return Ok(()); // the page comes back, to another node
            }
        }
    }
}
