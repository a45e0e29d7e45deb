//! Requests from one node to another: `node_requests pipeline <size> <ms>`.
//!
//! The master asks, from as many tasks as there are to be requests on their way.

use std::time::Instant;

use multi_node::{Asker, Message, NodeId, Nodes, Peer, RequestError};
use multi_node_benches::{Task, WINDOW, cpu_nanos, say_rate};
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, Message)]
#[message(reply = Pong)]
struct Ping {
    text: String,
}

#[derive(Serialize, Deserialize, Message)]
struct Pong {
    text: String,
    /// CPU time that the node has spent, in nanoseconds.
    cpu_nanos: u64,
}

#[multi_node::main(listen = none, nodes = 2)]
async fn main(nodes: Nodes) -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let task = Task::parse(&arguments)?;
    if nodes.is_master() {
        let asking = nodes.clone();
        nodes.on_node(move |peer: Peer<Pong>| {
            let (nodes, task) = (asking.clone(), task.clone());
            async move {
                if let Err(error) = lead(&nodes, peer, task).await {
                    eprintln!("node_requests: {error}");
                }
            }
        });
    } else {
        nodes.on_request(|Ping { text }, asker: Asker<Ping>| async move {
            let cpu_nanos = if text.is_empty() { cpu_nanos() } else { 0 };
            // Nobody waits once the time is up.
            let _ = asker.reply(&Pong { text, cpu_nanos }).await;
        });
        // Its end opens once this node answers requests.
        nodes.on_node(async |mut peer: Peer<Pong>| while peer.recv().await.is_some() {});
    }
    nodes.shutdown().await;
    Ok(())
}

async fn lead(nodes: &Nodes, peer: Peer<Pong>, task: Task) -> Result<(), RequestError> {
    let (node, ping) = (peer.id(), Ping { text: "x".repeat(task.size()) });
    let theirs = spent(nodes, node).await?;
    let (began, before) = (Instant::now(), cpu_nanos());
    let end = began + task.length;
    let asking: Vec<_> = (0..WINDOW)
        .map(|_| {
            let (nodes, ping) = (nodes.clone(), ping.clone());
            tokio::spawn(async move {
                let mut count = 0;
                while Instant::now() < end {
                    nodes.request(node, &ping).await?;
                    count += 1;
                }
                Ok::<u64, RequestError>(count)
            })
        })
        .collect();
    let mut count = 0;
    for task in asking {
        count += task.await.expect("it does not panic")?;
    }
    let elapsed = began.elapsed();
    let cpu_nanos = cpu_nanos() - before + spent(nodes, node).await? - theirs;
    say_rate(count, elapsed, cpu_nanos);
    Ok(())
}

/// CPU time that a node has spent, in nanoseconds.
async fn spent(nodes: &Nodes, node: NodeId) -> Result<u64, RequestError> {
    let pong = nodes.request(node, &Ping { text: String::new() }).await?;
    Ok(pong.cpu_nanos)
}
