//! Descriptors and connections on order: what goes to which node, and what came of it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use multi_node::{Connection, Message, NodeId, Nodes, Peer, Sender};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::words::{say, up, who};

/// Comes with files that say the same.
#[derive(Debug, Serialize, Deserialize, Message)]
struct Files {
    text: String,
}

/// Comes with a connection.
#[derive(Debug, Serialize, Deserialize, Message)]
struct Talk {
    from: u64,
}

/// What the connections of a node share.
#[derive(Clone)]
struct Shared {
    nodes: Nodes,
    peers: Arc<Mutex<HashMap<NodeId, Sender<Files>>>>,
    hoard: Arc<Mutex<Vec<File>>>,
}

/// Each node takes these orders on its connections, and on those that others hand it:
///
/// - `who`
/// - `to NODE`: hands this connection over; it goes on there, or here, and the log says where
/// - `pass NODE COUNT TEXT`: sends so many files, with a message; the other says what they say
/// - `hoard`: keeps files open until there is room for none; `let-go`
#[multi_node::main(port = 0, nodes = 3)]
pub(crate) async fn hands(nodes: Nodes) -> io::Result<()> {
    let me = nodes.id();
    let (peers, hoard) = (Arc::default(), Arc::default());
    let shared = Shared { nodes: nodes.clone(), peers, hoard };
    // Asked for first, so that who has been met can be handed a connection.
    let takes = shared.clone();
    nodes.on_hand_over(move |Talk { from }, connection| {
        say(format_args!("took node={me} from={from}"));
        talk(takes.clone(), connection)
    });
    let met = shared.clone();
    nodes.on_node(move |peer: Peer<Files>| {
        lock(&met.peers).insert(peer.id(), peer.sender());
        say(format_args!("met node={me} peer={}", peer.id()));
        receive(me, peer)
    });
    up(&nodes);
    tokio::select! {
        () = accept(shared) => {}
        () = nodes.shutdown() => {}
    }
    Ok(())
}

async fn receive(me: NodeId, mut peer: Peer<Files>) {
    while let Some((Files { text }, files)) = peer.recv_with_fds().await {
        let came = match files {
            Ok(files) => {
                let whole = files.len();
                let same = files.into_iter().map(read).filter(|said| *said == text).count();
                format!("files={whole} same={same}")
            }
            Err(lost) => format!("lost={}", lost.sent),
        };
        say(format_args!("passed node={me} from={} text={text} {came}", peer.id()));
    }
}

async fn accept(shared: Shared) {
    let listener = shared.nodes.listener();
    while let Ok((connection, _)) = listener.accept().await {
        tokio::spawn(talk(shared.clone(), connection));
    }
}

async fn talk(shared: Shared, mut connection: Connection) {
    let me = shared.nodes.id();
    while let Ok(Some((node, rest))) = orders(&shared, connection).await {
        say(format_args!("gives node={me} to={node}"));
        let talk = Talk { from: me.to_string().parse().expect("a number") };
        match shared.nodes.hand_over(node, rest, &talk).await {
            Ok(()) => return,
            Err(error) => {
                say(format_args!("kept node={me} why={error}"));
                connection = error.into_connection();
            }
        }
    }
}

/// Takes orders until there is one to hand the connection over, with all that was read ahead.
async fn orders(
    shared: &Shared,
    connection: Connection,
) -> io::Result<Option<(NodeId, Connection)>> {
    let mut stream = BufReader::new(connection);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let order: Vec<&str> = line.split_whitespace().collect();
        let answer = match order[..] {
            ["who"] => who(&shared.nodes),
            ["to", node] => {
                let ahead = stream.buffer().to_vec();
                let mut connection = stream.into_inner();
                connection.unread(&ahead);
                return Ok(Some((named(node), connection)));
            }
            ["pass", node, count, text] => {
                pass(shared, named(node), count.parse().expect("a number"), text).await
            }
            ["hoard"] => {
                let mut kept = lock(&shared.hoard);
                kept.extend(std::iter::from_fn(|| File::open("/dev/null").ok()));
                kept.len().to_string()
            }
            ["let-go"] => {
                lock(&shared.hoard).clear();
                "done".to_owned()
            }
            _ => "what?".to_owned(),
        };
        stream.write_all(format!("{answer}\n").as_bytes()).await?;
        line.clear();
    }
    Ok(None)
}

async fn pass(shared: &Shared, node: NodeId, count: usize, text: &str) -> String {
    let peer = lock(&shared.peers).get(&node).cloned();
    let files = (0..count).map(|_| written(text)).collect();
    let message = Files { text: text.to_owned() };
    let sent = peer.expect("they have met").send_with_fds(&message, files).await;
    sent.map_or_else(|error| error.to_string(), |()| "sent".to_owned())
}

/// Something open to read, that says this.
fn written(text: &str) -> OwnedFd {
    let (reader, mut writer) = io::pipe().expect("there is room for a pipe");
    writer.write_all(text.as_bytes()).expect("it is short");
    reader.into()
}

fn read(file: OwnedFd) -> String {
    let mut text = String::new();
    File::from(file).read_to_string(&mut text).expect("it is open");
    text
}

fn named(node: &str) -> NodeId {
    node.parse().expect("a node's number")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
