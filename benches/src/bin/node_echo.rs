//! multi-node with a bare accept loop that sends back what comes.
//!
//! With the argument `bare` it leaves first thing in `main`: what a process of it costs that does
//! nothing.

use std::io;

use multi_node::Nodes;
use multi_node_benches::announce;

fn main() -> io::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("bare") => Ok(()),
        _ => echo(),
    }
}

#[multi_node::main(port = 0)]
async fn echo(nodes: Nodes) -> io::Result<()> {
    announce(accept(nodes)).await
}

async fn accept(nodes: Nodes) -> io::Result<()> {
    let listener = nodes.listener();
    loop {
        let (connection, _) = listener.accept().await?;
        tokio::spawn(async move {
            let (mut reader, mut writer) = tokio::io::split(connection);
            // A client that goes away is no error of this server's.
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
        });
    }
}
