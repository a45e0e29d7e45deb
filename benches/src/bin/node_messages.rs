//! Messages between two nodes: `node_messages <rate|trip> <size> <ms>`.
//!
//! The master measures and says what came of it; then both wait to be ended.

use std::time::Instant;

use multi_node::{Nodes, Peer, SendError};
use multi_node_benches::{Kind, Packet, Task, cpu_nanos, say_rate, say_trips};

#[multi_node::main(listen = none, nodes = 2)]
async fn main(nodes: Nodes) -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let task = Task::parse(&arguments)?;
    let leads = nodes.is_master();
    nodes.on_node(move |peer: Peer<Packet>| {
        let task = task.clone();
        async move {
            let outcome = match (leads, task.kind) {
                (true, Kind::Rate) => receive_all(peer, &task).await,
                (true, Kind::Trip) => measure_trips(peer, &task).await,
                (false, Kind::Rate) => send_all(peer, &task).await,
                (false, Kind::Trip) => send_back(peer).await,
            };
            if let Err(error) = outcome {
                eprintln!("node_messages: {error}");
            }
        }
    });
    nodes.shutdown().await;
    Ok(())
}

async fn receive_all(mut peer: Peer<Packet>, task: &Task) -> Result<(), SendError> {
    peer.send(&task.ping()).await?;
    let (began, before) = (Instant::now(), cpu_nanos());
    let mut count = 0;
    while let Some(packet) = peer.recv().await {
        match packet {
            Packet::Data { sequence, .. } => {
                assert_eq!(sequence, count, "in order, none lost");
                count += 1;
            }
            Packet::End { cpu_nanos: sender } => {
                say_rate(count, began.elapsed(), cpu_nanos() - before + sender);
            }
            Packet::Ping { .. } => {}
        }
    }
    Ok(())
}

async fn send_all(mut peer: Peer<Packet>, task: &Task) -> Result<(), SendError> {
    peer.recv().await;
    let before = cpu_nanos();
    let end = Instant::now() + task.length;
    let mut next = 0;
    let mut packet = task.data(next);
    while Instant::now() < end {
        for _ in 0..task.batch() {
            if let Packet::Data { sequence, .. } = &mut packet {
                *sequence = next;
            }
            peer.send(&packet).await?;
            next += 1;
        }
    }
    let cpu_nanos = cpu_nanos() - before;
    peer.send(&Packet::End { cpu_nanos }).await?;
    peer.recv().await;
    Ok(())
}

async fn measure_trips(mut peer: Peer<Packet>, task: &Task) -> Result<(), SendError> {
    let ping = task.ping();
    let mut trips = Vec::with_capacity(1 << 18);
    let end = Instant::now() + task.length;
    while Instant::now() < end {
        let sent = Instant::now();
        peer.send(&ping).await?;
        peer.recv().await;
        trips.push(sent.elapsed());
    }
    say_trips(trips);
    peer.recv().await;
    Ok(())
}

async fn send_back(mut peer: Peer<Packet>) -> Result<(), SendError> {
    while let Some(packet) = peer.recv().await {
        peer.send(&packet).await?;
    }
    Ok(())
}
