//! Programs whose `main` ends, or never gets anywhere.

use std::future::pending;
use std::io;

use multi_node::Nodes;

use crate::lines::serve_lines;
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

/// Nothing to serve, and nothing to do until it is told to leave.
#[multi_node::main(listen = none, nodes = 3)]
pub(crate) async fn idles(nodes: Nodes) -> io::Result<()> {
    up(&nodes);
    nodes.shutdown().await;
    Ok(())
}

/// The master of generation 1 never serves: the second argument says what becomes of it instead.
#[multi_node::main(port = 0, nodes = 3)]
pub(crate) async fn next_master(nodes: Nodes) -> Result<(), String> {
    if nodes.is_master() && nodes.generation() == 1 {
        match argument(2).as_str() {
            "err" => return Err("no database".to_owned()),
            "waits" => pending::<()>().await,
            _ => panic!("no luck"),
        }
    }
    serve_lines(nodes).await
}
