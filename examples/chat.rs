//! Chat rooms in the browser; the people in a room are on different nodes and do not notice.
//!
//! Shows:  `on_node` and `broadcast` for messages that reach everyone; WebSockets under
//!         `nodes.serve`, and how a connection that never ends leaves when its node drains.
//! Run:    cargo run --example chat
//! Try:    open http://127.0.0.1:8080 in two windows and talk; http://127.0.0.1:8080/tea is
//!         another room. `kill -HUP` the first process while you talk.
//! Expect: each window shows the node that it is on, and each line the node that it came from.
//!         After the signal every window is back at once, most of them on a new node.

use std::{collections::BTreeMap, error::Error, io, pin::pin, sync::Mutex};

use axum::extract::ws::{CloseFrame, Message as Frame, Utf8Bytes, WebSocket, close_code};
use axum::extract::{Path, State, WebSocketUpgrade};
use axum::response::{Html, IntoResponse};
use axum::{Router, routing::get};
use multi_node::{Message, NodeId, Nodes, Peer};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::broadcast::{self, error::RecvError};

/// What somebody said in a room: all that travels between nodes.
#[derive(Debug, Serialize, Deserialize, Message)]
struct Said {
    room: String,
    who: String,
    text: String,
}

/// The rooms in which somebody is who is connected to this node. They hear lines of JSON.
static ROOMS: Mutex<BTreeMap<String, broadcast::Sender<Utf8Bytes>>> = Mutex::new(BTreeMap::new());

#[multi_node::main(port = 8080, nodes = 4)]
async fn main(nodes: Nodes) -> io::Result<()> {
    nodes.on_node(async |mut peer: Peer<Said>| {
        while let Some(said) = peer.recv().await {
            show(peer.id(), &said);
        }
    });
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
) -> impl IntoResponse {
    upgrade.max_message_size(4096).on_upgrade(async move |socket| {
        let _ = talk(&nodes, &room, &who, socket).await; // a browser may vanish at any time
        ROOMS.lock().unwrap().retain(|_, room| room.receiver_count() > 0);
    })
}

/// Carries lines between a browser and its room until the browser leaves or the node does.
async fn talk(
    nodes: &Nodes,
    room: &str,
    who: &str,
    mut socket: WebSocket,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let here = json!({ "here": true, "node": nodes.id().to_string() });
    socket.send(Frame::text(here.to_string())).await?;
    let mut lines = join(room);
    let mut shutdown = pin!(nodes.shutdown());
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Ok(line) => socket.send(Frame::Text(line)).await?,
                Err(RecvError::Lagged(_)) => {} // too slow a browser misses lines
                Err(RecvError::Closed) => return Ok(()),
            },
            frame = socket.recv() => match frame.transpose()? {
                Some(Frame::Text(text)) => {
                    let (room, who, text) = (room.into(), who.into(), text.to_string());
                    let said = Said { room, who, text };
                    show(nodes.id(), &said);
                    nodes.broadcast(&said).await?;
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

fn join(room: &str) -> broadcast::Receiver<Utf8Bytes> {
    let mut rooms = ROOMS.lock().unwrap();
    rooms.entry(room.into()).or_insert_with(|| broadcast::channel(256).0).subscribe()
}

/// Shows a line to those in its room who are connected to this node.
fn show(node: NodeId, Said { room, who, text }: &Said) {
    let line = json!({ "node": node.to_string(), "who": who, "text": text }).to_string();
    if let Some(room) = ROOMS.lock().unwrap().get(room) {
        let _ = room.send(line.into()); // the last one may just be leaving
    }
}
