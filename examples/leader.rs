//! Work that one node does for all: the master measures, everyone answers.
//!
//! Shows:  `is_master`, `on_node` with a `watch` channel: a node that joins late gets the latest
//!         value at once, and one that is slow skips what is out of date.
//! Run:    cargo run --example leader
//! Try:    curl http://127.0.0.1:8080 several times; kill a worker and go on.
//! Expect: always the master's figure, whichever node answers, and a new one every second:
//!
//!         load 0.42, sample 17 of node 0, told by node 2

use std::io;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use multi_node::{Message, NodeId, Nodes, Peer};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time;

/// What the master found out.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
struct Sample {
    number: u64,
    load: f32,
}

/// The latest sample and the node that took it; `None` until there is one.
type Latest = Option<(NodeId, Sample)>;

#[multi_node::main(port = 8080, nodes = 4)]
async fn main(nodes: Nodes) -> io::Result<()> {
    let (publish, latest) = watch::channel(Latest::None);

    if nodes.is_master() {
        tokio::spawn(measure(nodes.id(), publish));
        let latest = latest.clone();
        nodes.on_node(move |peer: Peer<Sample>| tell(peer, latest.clone()));
        if let Some(address) = nodes.local_addr() {
            println!("listening on http://{address}");
        }
    } else {
        nodes.on_node(move |peer: Peer<Sample>| listen(peer, publish.clone()));
    }

    let me = nodes.id();
    let answer = async move || match &*latest.borrow() {
        Some((from, Sample { number, load })) => {
            format!("load {load:.2}, sample {number} of node {from}, told by node {me}\n")
        }
        None => format!("node {me} has heard of no sample yet\n"),
    };
    nodes.serve(Router::new().route("/", get(answer))).await
}

/// The work: once a second, in the master alone.
async fn measure(me: NodeId, publish: watch::Sender<Latest>) {
    let mut second = time::interval(Duration::from_secs(1));
    for number in 1.. {
        second.tick().await;
        let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default(); // no disk: it is quick
        let load = text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(f32::NAN);
        publish.send_replace(Some((me, Sample { number, load })));
    }
}

/// The master's side: tells one worker each sample, for as long as there is that worker.
async fn tell(peer: Peer<Sample>, mut latest: watch::Receiver<Latest>) {
    while latest.changed().await.is_ok() {
        let Some((_, sample)) = latest.borrow_and_update().clone() else {
            continue;
        };
        if peer.send(&sample).await.is_err() {
            break; // the worker has gone
        }
    }
}

/// A worker's side: passes on what the master tells it.
async fn listen(mut peer: Peer<Sample>, publish: watch::Sender<Latest>) {
    while let Some(sample) = peer.recv().await {
        publish.send_replace(Some((peer.id(), sample)));
    }
}
