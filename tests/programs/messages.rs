//! Messages on order: what the other nodes hear, and what a sender is told.

use std::fmt;
use std::io;

use multi_node::{Message, NodeStream, Nodes, Peer};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

use crate::orders::Orders;
use crate::words::{say, up, who};

#[derive(Debug, Clone, Serialize, Deserialize, Message)]
pub(crate) struct Said {
    pub(crate) text: String,
}

/// A second type on the same links.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
struct Counted(u64);

/// Each node says what it hears of either type, and takes these orders on its connections:
///
/// - `who`, and `peers`: the nodes whose channel is open
/// - `broadcast TEXT` and `count NUMBER`: answers who got it
/// - `send NODE TEXT`: answers `sent`, or why not; `send me TEXT`: to itself
///
/// A node that hears `leave` drops its peer; one that hears `panic` does.
#[multi_node::main(port = 0, nodes = 4)]
pub(crate) async fn chat(nodes: Nodes) -> io::Result<()> {
    let me = nodes.id();
    nodes.on_node(move |mut peer: Peer<Said>| async move {
        say(format_args!("met node={me} peer={}", peer.id()));
        while let Some(said) = peer.recv().await {
            say(format_args!("heard node={me} from={} text={}", peer.id(), said.text));
            match said.text.as_str() {
                "leave" => return,
                "panic" => panic!("told to panic"),
                _ => {}
            }
        }
        say(format_args!("parted node={me} peer={} reason={:?}", peer.id(), peer.close_reason()));
    });
    nodes.on_node(move |mut peer: Peer<Counted>| async move {
        while let Some(Counted(number)) = peer.recv().await {
            say(format_args!("counted node={me} from={} number={number}", peer.id()));
        }
    });
    up(&nodes);
    let listener = nodes.listener();
    while let Ok((connection, _)) = listener.accept().await {
        tokio::spawn(take_orders(nodes.clone(), connection));
    }
    Ok(())
}

async fn take_orders(
    nodes: Nodes,
    connection: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut orders = Orders::new(connection);
    while let Some(line) = orders.next().await? {
        let order: Vec<&str> = line.split_whitespace().collect();
        let answer = match order[..] {
            ["who"] => who(&nodes),
            ["peers"] => list(&nodes.peers::<Said>()),
            ["broadcast", text] => {
                let sent = nodes.broadcast(&Said { text: text.to_owned() }).await;
                sent.map_or_else(|error| error.to_string(), |sent| list(sent.reached()))
            }
            ["count", number] => {
                let counted = Counted(number.parse().expect("a number"));
                let sent = nodes.broadcast(&counted).await;
                sent.map_or_else(|error| error.to_string(), |sent| list(sent.reached()))
            }
            ["send", node, text] => send(&nodes, node, text).await,
            _ => "what?".to_owned(),
        };
        orders.answer(&answer).await?;
    }
    Ok(())
}

async fn send(nodes: &Nodes, node: &str, text: &str) -> String {
    let peers = nodes.peers::<Said>();
    let to = if node == "me" {
        nodes.id()
    } else {
        match peers.iter().find(|peer| peer.to_string() == node) {
            Some(peer) => *peer,
            None => return format!("no peer {node}"),
        }
    };
    match nodes.send_to(to, &Said { text: text.to_owned() }).await {
        Ok(()) => "sent".to_owned(),
        Err(error) => error.to_string(),
    }
}

pub(crate) fn list(items: &[impl fmt::Display]) -> String {
    let words: Vec<String> = items.iter().map(ToString::to_string).collect();
    words.join(" ")
}

/// What `Note` was in the first generation.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(name = "Note")]
struct OldNote {
    text: String,
}

/// And in later ones.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(name = "Note")]
struct NewNote {
    text: String,
    urgent: bool,
}

/// Two generations that do not agree on a type. Each node says which peers it meets.
#[multi_node::main(port = 0, nodes = 3)]
pub(crate) async fn versions(nodes: Nodes) -> io::Result<()> {
    let me = nodes.id();
    if nodes.generation() == 0 {
        nodes.on_node(move |mut peer: Peer<OldNote>| async move {
            say(format_args!("met node={me} peer={} type=old", peer.id()));
            while peer.recv().await.is_some() {}
        });
    } else {
        nodes.on_node(move |mut peer: Peer<NewNote>| async move {
            say(format_args!("met node={me} peer={} type=new", peer.id()));
            while peer.recv().await.is_some() {}
        });
    }
    up(&nodes);
    nodes.ready();
    nodes.shutdown().await;
    Ok(())
}

/// Raw streams, then typed ones: each end says its number in a line of text, then in a message.
#[multi_node::main(port = 0, nodes = 3)]
pub(crate) async fn streams(nodes: Nodes) -> io::Result<()> {
    let me = nodes.id();
    nodes.on_node_stream(move |stream: NodeStream| async move {
        let peer = stream.id();
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.write_all(format!("i-am-{me}\n").as_bytes()).await.expect("the peer lives");
        stream.read_line(&mut line).await.expect("the peer lives");
        say(format_args!("raw node={me} peer={peer} said={}", line.trim_end()));
        // The one with the lower number speaks first from here on, and only once the other end
        // has read all text: a message that it read ahead would be lost.
        let first = me < peer;
        if first {
            stream.write_all(b"go\n").await.expect("the peer lives");
        }
        stream.read_line(&mut line).await.expect("the peer lives");
        if !first {
            stream.write_all(b"go\n").await.expect("the peer lives");
        }
        let mut framed = stream.into_inner().framed::<Said>();
        let said = Said { text: format!("message-from-{me}") };
        if first {
            framed.send(&said).await.expect("the peer lives");
        }
        let heard = framed.recv().await.expect("well-formed").expect("the peer lives");
        if !first {
            framed.send(&said).await.expect("the peer lives");
        }
        say(format_args!("framed node={me} peer={peer} said={}", heard.text));
    });
    up(&nodes);
    nodes.ready();
    nodes.shutdown().await;
    Ok(())
}
