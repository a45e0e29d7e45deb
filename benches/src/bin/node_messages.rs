//! Messages between nodes: `node_messages <kind> <size> <ms>`.
//!
//! The master leads. Two nodes talk; `all` and `one` take as many as `MULTI_NODE_NODES` says.

use multi_node::{Nodes, Peer};
use multi_node_benches::{Crowd, Kind, Link, Mesh, Packet, Task, follow, lead};

#[multi_node::main(listen = none, nodes = 2)]
async fn main(nodes: Nodes) -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let task = Task::parse(&arguments)?;
    match task.kind {
        Kind::AllToAll | Kind::OneToAll => crowd(&nodes, task),
        _ => talk(&nodes, task),
    }
    nodes.shutdown().await;
    Ok(())
}

fn talk(nodes: &Nodes, task: Task) {
    let leads = nodes.is_master();
    nodes.on_node(move |peer: Peer<Packet>| {
        let task = task.clone();
        async move {
            let mut link = NodeLink(peer);
            said(if leads { lead(&mut link, &task).await } else { follow(&mut link, &task).await });
        }
    });
}

fn crowd(nodes: &Nodes, task: Task) {
    let mesh = Everybody(nodes.clone());
    let crowd = Crowd::new(mesh, task, nodes.is_master(), nodes.len() - 1);
    nodes.on_node(move |peer: Peer<Packet>| {
        let crowd = crowd.clone();
        async move { said(crowd.hear(&mut NodeLink(peer)).await) }
    });
}

fn said(outcome: Result<(), String>) {
    if let Err(error) = outcome {
        eprintln!("node_messages: {error}");
    }
}

struct NodeLink(Peer<Packet>);

impl Link for NodeLink {
    async fn send(&mut self, packet: &Packet) -> Result<(), String> {
        self.0.send(packet).await.map_err(|error| error.to_string())
    }

    async fn recv(&mut self) -> Result<Packet, String> {
        self.0.recv().await.ok_or_else(|| "the other node is gone".to_owned())
    }
}

struct Everybody(Nodes);

impl Mesh for Everybody {
    async fn broadcast(&self, packet: &Packet) -> Result<(), String> {
        let broadcast = self.0.broadcast(packet).await.map_err(|error| error.to_string())?;
        match broadcast.missed() {
            [] => Ok(()),
            missed => Err(format!("did not reach {missed:?}")),
        }
    }

    async fn tell_lead(&self, packet: &Packet) -> Result<(), String> {
        // The master's node is the oldest.
        let lead = self.0.peers::<Packet>().first().copied().ok_or("nobody is there")?;
        self.0.send_to(lead, packet).await.map_err(|error| error.to_string())
    }
}
