use multi_node::{Asker, Message, NodeId, Nodes, Peer, Request, RequestError};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Message)]
#[message(reply = replies::Pong, name = "ping")]
struct Ping(u8);

mod replies {
    #[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
    pub struct Pong(pub u8);
}

/// A request whose reply is of its own type.
#[derive(Serialize, Deserialize, Message)]
#[message(version = 2, reply = Self)]
enum Echo {
    Text(String),
}

#[allow(deprecated)]
#[derive(Serialize, Deserialize, Message)]
#[message(reply = Old)]
struct New;

#[deprecated]
#[derive(Serialize, Deserialize, Message)]
struct Old;

async fn both_ways(nodes: Nodes, node: NodeId, peer: Peer<Echo>) -> Result<(), RequestError> {
    nodes.on_request(|Ping(n), asker: Asker<Ping>| async move {
        let _ = asker.reply(&replies::Pong(n)).await;
    });
    nodes.on_request(async |echo: Echo, asker| {
        let _ = Asker::<Echo>::reply(asker, &echo).await;
    });
    let replies::Pong(_) = nodes.request(node, &Ping(1)).await?;
    let Echo::Text(_) = peer.sender().request(&Echo::Text(String::new())).await?;
    tokio::spawn(async move { peer.request(&Ping(2)).await.map(drop) });
    Ok(())
}

fn replies_with<Q: Request<Reply = R>, R>() {}

fn main() {
    replies_with::<Ping, replies::Pong>();
    replies_with::<Echo, Echo>();
    let _ = both_ways;
}
