//! Chat rooms in the browser; the people in a room are on different nodes and do not notice.
//!
//! Shows:  `on_node` and `broadcast` for messages that reach everyone; WebSockets under
//!         `nodes.serve`, and how a connection that never ends leaves when its node drains.
//! Run:    cargo run --example chat
//! Try:    open http://127.0.0.1:8080 in two windows and talk; http://127.0.0.1:8080/tea is
//!         another room. `kill -HUP` the first process while you talk.
//! Expect: each window shows the node that it is on, and each line the node that it came from.
//!         After the signal every window is back at once, most of them on a new node.

use std::collections::HashMap;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use axum::extract::ws::{CloseFrame, Message as Frame, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::{Router, response::Html, routing::get};
use multi_node::{Message, NodeId, Nodes, Peer};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{self, error::RecvError};

/// What somebody said in a room: all that travels between nodes.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
struct Said {
    room: String,
    who: String,
    text: String,
}

/// The rooms, with those people in them who are connected to this node.
#[derive(Clone)]
struct Chat {
    nodes: Nodes,
    rooms: Arc<Mutex<HashMap<String, broadcast::Sender<Utf8Bytes>>>>,
}

#[multi_node::main(port = 8080, nodes = 4)]
async fn main(nodes: Nodes) -> io::Result<()> {
    let chat = Chat {
        nodes: nodes.clone(),
        rooms: Arc::default(),
    };
    let here = chat.clone();
    nodes.on_node(move |mut peer: Peer<Said>| {
        let here = here.clone();
        async move {
            while let Some(said) = peer.recv().await {
                here.show(peer.id(), &said);
            }
        }
    });
    if nodes.is_master()
        && let Some(address) = nodes.local_addr()
    {
        println!("listening on http://{address}");
    }
    let page = get(async || Html(include_str!("chat.html")));
    let app = Router::new()
        .route("/", page.clone())
        .route("/{room}", page)
        .route("/{room}/{who}", get(enter))
        .with_state(chat);
    nodes.serve(app).await
}

/// The page comes back over a WebSocket, `/room/who`.
async fn enter(
    State(chat): State<Chat>,
    Path((room, who)): Path<(String, String)>,
    upgrade: WebSocketUpgrade,
) -> impl axum::response::IntoResponse {
    upgrade
        .max_message_size(4096)
        .on_upgrade(|socket| chat.talk(room, who, socket))
}

impl Chat {
    /// Carries lines between one browser and its room, until either goes.
    async fn talk(self, room: String, who: String, mut socket: WebSocket) {
        let mut lines = self.join(&room);
        let here = json!({ "here": true, "node": self.nodes.id().to_string() });
        if socket
            .send(Frame::Text(here.to_string().into()))
            .await
            .is_err()
        {
            return;
        }
        let mut shutdown = pin!(self.nodes.shutdown());
        loop {
            tokio::select! {
                line = lines.recv() => match line {
                    Ok(line) => if socket.send(Frame::Text(line)).await.is_err() { break },
                    Err(RecvError::Lagged(_)) => {} // too slow a browser misses lines
                    Err(RecvError::Closed) => break,
                },
                frame = socket.recv() => match frame {
                    Some(Ok(Frame::Text(text))) => {
                        let said = Said { room: room.clone(), who: who.clone(), text: text.to_string() };
                        self.show(self.nodes.id(), &said);
                        self.nodes.broadcast(&said).await?;
                    }
                    Some(Ok(_)) => {} // a ping, which is answered by itself
                    Some(Err(_)) | None => break,
                },
                () = &mut shutdown => {
                    let (code, reason) = (close_code::RESTART, Utf8Bytes::from_static("this node leaves"));
                    let _ = socket.send(Frame::Close(Some(CloseFrame { code, reason }))).await;
                    break;
                }
            }
        }
        drop(lines);
        self.rooms
            .lock()
            .unwrap()
            .retain(|_, room| room.receiver_count() > 0);
    }

    /// Shows a line to everyone in its room who is connected to this node.
    fn show(&self, from: NodeId, said: &Said) {
        let line = json!({ "node": from.to_string(), "who": said.who, "text": said.text });
        if let Some(room) = self.rooms.lock().unwrap().get(&said.room) {
            let _ = room.send(line.to_string().into());
        }
    }
}
