//! Raw connections that take orders in lines: a bare accept loop that never asks for `shutdown()`.

use std::io;

use multi_node::Nodes;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

use crate::words::{say, up, who};

#[multi_node::main(port = 0, nodes = 4)]
pub(crate) async fn lines(nodes: Nodes) -> Result<(), String> {
    serve_lines(nodes).await
}

/// Serves until a connection orders this node's `main` to end; says which connections closed.
pub(crate) async fn serve_lines(nodes: Nodes) -> Result<(), String> {
    let (order, mut orders) = mpsc::unbounded_channel();
    let (listener, served) = (nodes.listener(), nodes.clone());
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.expect("accept failed");
            let (nodes, order) = (served.clone(), order.clone());
            tokio::spawn(async move {
                // The client may be gone in the middle of an answer.
                let _ = talk(nodes.clone(), connection, order).await;
                say(format_args!("closed {}", who(&nodes)));
            });
        }
    });
    // The loop's first turn makes the node ready: whoever is said to be up has told its master.
    tokio::task::yield_now().await;
    up(&nodes);
    match orders.recv().await.as_deref() {
        Some("ok") => Ok(()),
        Some("err") => Err("told to fail".to_owned()),
        _ => panic!("told to panic"),
    }
}

/// Takes orders from one connection until it closes:
///
/// - `who`: answers which node this is; `echo WORDS`: answers the words
/// - `count`: answers how many nodes serve
/// - `end ok|err|panic`: ends this node's `main`
/// - `exit CODE`, `abort`: ends the process
/// - `block`: answers, then blocks the thread for ever; `spin`: as busy as can be
/// - `hold PORT`: answers, then blocks the thread until a connection to that port is closed
/// - `step-aside`: answers, then blocks one thread of a pool, as the runtime allows it
pub(crate) async fn talk(
    nodes: Nodes,
    connection: impl AsyncRead + AsyncWrite + Unpin,
    order: mpsc::UnboundedSender<String>,
) -> io::Result<()> {
    let mut stream = BufReader::new(connection);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let (verb, rest) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
        let answer = match verb {
            "who" => who(&nodes),
            "count" => nodes.len().to_string(),
            "end" => {
                // `main` has ended already when nobody takes the order.
                let _ = order.send(rest.to_owned());
                "ending".to_owned()
            }
            "exit" => std::process::exit(rest.parse().expect("a code")),
            "abort" => std::process::abort(),
            "block" | "spin" | "hold" | "step-aside" => "blocking".to_owned(),
            _ => rest.to_owned(),
        };
        stream.write_all(format!("{answer}\n").as_bytes()).await?;
        match verb {
            "block" => block(),
            "spin" => loop {
                std::hint::spin_loop();
            },
            "hold" => hold(rest.parse().expect("a port")),
            "step-aside" => tokio::task::block_in_place(|| block()),
            _ => {}
        }
        line.clear();
    }
    Ok(())
}

/// Blocks the thread until the other side of a connection lets go of it.
fn hold(port: u16) {
    let address = (std::net::Ipv4Addr::LOCALHOST, port);
    let mut held = std::net::TcpStream::connect(address).expect("somebody listens");
    // Whichever way it closes.
    let _ = io::Read::read(&mut held, &mut [0]);
}

fn block() -> ! {
    loop {
        std::thread::park();
    }
}
