//! Programs that bring their own runtime, or take the listener out of fair accept.

use std::io;
use std::thread;

use multi_node::Nodes;
use tokio::runtime;

use crate::lines::{serve_lines, talk};
use crate::words::up;

/// A thread pool in each node.
#[multi_node::main(port = 0, nodes = 2, flavor = "multi_thread", worker_threads = 3)]
pub(crate) async fn thread_pool(nodes: Nodes) -> Result<(), String> {
    serve_lines(nodes).await
}

/// A `main` without `async`.
#[multi_node::main(port = 0, nodes = 2)]
pub(crate) fn blocking_main(nodes: Nodes) -> io::Result<()> {
    let own = runtime::Builder::new_current_thread().enable_all().build()?;
    own.block_on(accept_until_told(nodes))
}

#[multi_node::main(port = 0, nodes = 2)]
pub(crate) async fn tokio_listener(nodes: Nodes) -> io::Result<()> {
    accept_until_told(nodes).await
}

/// Accepts from a tokio listener until the node is to drain, then waits for what is open.
async fn accept_until_told(nodes: Nodes) -> io::Result<()> {
    let listener = nodes.listener().into_tokio()?;
    up(&nodes);
    let mut open = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A stop ends listening, and may do so before this node looks whether it is told.
                let Ok((connection, _)) = accepted else { break nodes.shutdown().await };
                let (order, _) = tokio::sync::mpsc::unbounded_channel();
                open.spawn(talk(nodes.clone(), connection, order));
            }
            () = nodes.shutdown() => break,
        }
    }
    while open.join_next().await.is_some() {}
    Ok(())
}

/// Accepts from a listener of the standard library, on a thread of its own.
#[multi_node::main(port = 0, nodes = 2)]
pub(crate) fn std_listener(nodes: Nodes) -> io::Result<()> {
    let listener = nodes.listener().into_std()?;
    listener.set_nonblocking(false)?;
    up(&nodes);
    let own = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let handle = own.handle().clone();
    let told = nodes.clone();
    thread::spawn(move || {
        let _inside = handle.enter();
        // A stop ends listening, and so this thread.
        while let Ok((connection, _)) = listener.accept() {
            connection.set_nonblocking(true).expect("a socket");
            let connection = tokio::net::TcpStream::from_std(connection).expect("a runtime");
            let (order, _) = tokio::sync::mpsc::unbounded_channel();
            handle.spawn(talk(nodes.clone(), connection, order));
        }
    });
    own.block_on(told.shutdown());
    Ok(())
}
