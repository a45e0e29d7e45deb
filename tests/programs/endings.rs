//! Programs whose `main` ends, or never gets anywhere.

use std::future::pending;
use std::io;

use multi_node::Nodes;

use crate::messages::Said;
use crate::words::{argument, say, up, who};

/// Every worker ends before it is ready, as the second argument says.
#[multi_node::main(port = 0, nodes = 4)]
pub(crate) async fn never_starts(nodes: Nodes) -> Result<(), String> {
    if nodes.is_master() {
        nodes.shutdown().await;
        return Ok(());
    }
    match argument(2).as_str() {
        "exit" => std::process::exit(3),
        "ok" => Ok(()),
        "err" => Err("no database".to_owned()),
        _ => panic!("no luck"),
    }
}

/// A worker that never accepts, and so never gets ready.
#[multi_node::main(port = 0, nodes = 2)]
pub(crate) async fn never_ready(nodes: Nodes) -> io::Result<()> {
    if nodes.is_master() {
        nodes.shutdown().await;
    } else {
        say(format_args!("waiting {}", who(&nodes)));
        pending::<()>().await;
    }
    Ok(())
}

/// A worker whose `main` returns once it has registered its handlers, after it was ready.
#[multi_node::main(port = 0, nodes = 2)]
pub(crate) async fn only_registers(nodes: Nodes) -> io::Result<()> {
    nodes.on_node(|mut peer: multi_node::Peer<Said>| async move {
        while peer.recv().await.is_some() {}
    });
    up(&nodes);
    nodes.ready();
    if nodes.is_master() {
        nodes.shutdown().await;
    }
    Ok(())
}

/// Nothing to serve: each node computes something and is done. The second argument can make the
/// first process of each worker's slot crash.
#[multi_node::main(listen = none, nodes = 3)]
pub(crate) async fn computes(nodes: Nodes) -> io::Result<()> {
    up(&nodes);
    let first = nodes.id().to_string().parse::<usize>().expect("a number") == nodes.slot();
    if argument(2) == "crash" && first && !nodes.is_master() {
        std::process::exit(9);
    }
    say(format_args!("computed {}", who(&nodes)));
    Ok(())
}
