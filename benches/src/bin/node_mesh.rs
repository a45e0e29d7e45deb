//! Nodes with a link between every two, and nothing else to do: `node_mesh <linked|apart>`.
//!
//! Each says `ready` when it has met all others; `apart` there are no links, and it says so at
//! once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use multi_node::{Nodes, Peer};
use multi_node_benches::{Packet, say_ready};

#[multi_node::main(listen = none, nodes = 2)]
async fn main(nodes: Nodes) {
    match std::env::args().nth(1).as_deref() {
        Some("linked") => meet(&nodes),
        _ => say_ready(),
    }
    nodes.shutdown().await;
}

fn meet(nodes: &Nodes) {
    let others = nodes.len() - 1;
    let met = Arc::new(AtomicUsize::new(0));
    nodes.on_node(move |mut peer: Peer<Packet>| {
        let met = Arc::clone(&met);
        async move {
            if met.fetch_add(1, Relaxed) + 1 == others {
                say_ready();
            }
            while peer.recv().await.is_some() {}
        }
    });
}
