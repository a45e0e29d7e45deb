//! Raw TCP: every node accepts, and sends back what it receives.
//!
//! Shows:  a bare accept loop, and that connections go to the node that has the fewest.
//! Run:    cargo run --example echo
//! Try:    nc 127.0.0.1 7000 in four terminals, and type; then Ctrl-C the server.
//! Expect: every line comes back. The server names the node of each connection, another one for
//!         each of the four:
//!
//!         node 3 serves 127.0.0.1:50214
//!
//!         After Ctrl-C it takes no more connections and ends when the last of these has closed,
//!         or when the drain timeout is over.

use std::io;

use multi_node::{Connection, Nodes};

#[multi_node::main(port = 7000, nodes = 4, drain_timeout = "5s")]
async fn main(nodes: Nodes) -> io::Result<()> {
    if nodes.is_master()
        && let Some(address) = nodes.local_addr()
    {
        println!("listening on {address}");
    }
    let listener = nodes.listener();
    loop {
        let (connection, peer) = listener.accept().await?;
        println!("node {} serves {peer}", nodes.id());
        tokio::spawn(async move {
            if let Err(error) = echo(connection).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

/// Sends back what comes, until the client says that it is done.
async fn echo(connection: Connection) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(connection);
    tokio::io::copy(&mut reader, &mut writer).await?;
    Ok(())
}
