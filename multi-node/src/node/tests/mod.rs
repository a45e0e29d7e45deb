//! Nodes joined by socket pairs inside one process: every promise about messages, kept.

mod delivery;
mod hostile;
mod opening;
mod sending;
mod streams;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::hub::Hub;
use super::peer::Peer;
use crate::config::NodeId;
use crate::link::channel::ChannelConfig;
use crate::link::control::LinkKind;
use crate::link::message::Message;
use crate::sys::packet::stream_pair;

/// Long enough for any machine; only a test that fails waits for it.
const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Text(String);

impl Message for Text {
    const NAME: &'static str = "Text";
    const FINGERPRINT: u64 = 1;
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Number(u64);

impl Message for Number {
    const NAME: &'static str = "Number";
    const FINGERPRINT: u64 = 2;
}

fn text(text: &str) -> Text {
    Text(text.to_owned())
}

fn hub(id: u64) -> Hub {
    Hub::new(NodeId(id), Handle::current(), Box::new(|_| {}))
}

/// Joins two nodes as the master would.
fn join(a: (&Hub, u64), b: (&Hub, u64), kind: LinkKind) {
    let (left, right) = stream_pair().expect("a socket pair");
    a.0.link(NodeId(b.1), kind, left);
    b.0.link(NodeId(a.1), kind, right);
}

/// Nodes 0.. that are all joined to each other.
fn mesh(nodes: u64) -> Vec<Hub> {
    let hubs: Vec<Hub> = (0..nodes).map(hub).collect();
    for a in 0..nodes {
        for b in 0..a {
            join((&hubs[a as usize], a), (&hubs[b as usize], b), LinkKind::Messages);
        }
    }
    hubs
}

fn pair() -> (Hub, Hub) {
    let [a, b] = <[Hub; 2]>::try_from(mesh(2)).unwrap_or_else(|_| unreachable!());
    (a, b)
}

/// Registers a handler that hands its peer out to the test.
fn peers<M: Message>(hub: &Hub, config: ChannelConfig) -> mpsc::UnboundedReceiver<Peer<M>> {
    let (give, take) = mpsc::unbounded_channel();
    let give = Arc::new(give);
    hub.on_node(config, move |peer| {
        let give = Arc::clone(&give);
        async move { give.send(peer).unwrap_or_default() }
    });
    take
}

/// Opens one channel between two fresh nodes.
async fn channel<M: Message>(config: ChannelConfig) -> (Hub, Peer<M>, Hub, Peer<M>) {
    let (a, b) = pair();
    let (mut at_a, mut at_b) = (peers(&a, config), peers(&b, config));
    let (left, right) = (soon(at_a.recv()).await.unwrap(), soon(at_b.recv()).await.unwrap());
    (a, left, b, right)
}

/// What comes of `future`, which must not take long.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("in time")
}

/// Lets every other task run until it waits, `turns` times over.
async fn let_others_run(turns: usize) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}
