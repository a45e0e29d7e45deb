//! A stream of your own between every two nodes: first raw bytes, then typed messages on it.
//!
//! Shows:  `on_node_stream` for bytes as fast as the kernel carries them, `framed` for values on
//!         the same stream, and `listen = none` for a program that has no port.
//! Run:    cargo run --release --example streams
//! Try:    Ctrl-C ends it.
//! Expect: two lines for each of the three streams, one from either end:
//!
//!         node 1 from node 0: 64 MiB in 31.4ms
//!         node 0 to node 1: 1000 round trips of 9.1µs

use std::error::Error;
use std::io;
use std::time::Instant;

use multi_node::{Message, NodeStream, Nodes};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;

/// What travels once the stream is framed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Message)]
enum Ball {
    Ping(u32),
    Pong(u32),
}

const MIB: u64 = 64;
const ROUNDS: u32 = 1000;

type Outcome = Result<String, Box<dyn Error + Send + Sync>>;

#[multi_node::main(listen = none, nodes = 3)]
async fn main(nodes: Nodes) {
    let me = nodes.id();
    nodes.on_node_stream(move |stream: NodeStream| async move {
        let other = stream.id();
        // The handler runs at both ends; the older node leads, the younger one follows.
        let outcome = if me < other { lead(stream).await } else { follow(stream).await };
        match outcome {
            Ok(line) if me < other => println!("node {me} to node {other}: {line}"),
            Ok(line) => println!("node {me} from node {other}: {line}"),
            Err(error) => eprintln!("node {me} and node {other}: {error}"),
        }
    });
    nodes.shutdown().await;
}

/// Sends bytes, then plays ping and pong.
async fn lead(mut stream: NodeStream) -> Outcome {
    let mut bytes = tokio::io::repeat(b'x').take(MIB << 20);
    tokio::io::copy(&mut bytes, &mut stream).await?;

    let mut balls = stream.framed::<Ball>();
    let start = Instant::now();
    for number in 0..ROUNDS {
        balls.send(&Ball::Ping(number)).await?;
        let back = balls.recv().await?;
        if back != Some(Ball::Pong(number)) {
            return Err(format!("expected pong {number}, got {back:?}").into());
        }
    }
    Ok(format!("{ROUNDS} round trips of {:.1?}", start.elapsed() / ROUNDS))
}

/// Takes the bytes, exactly as many as were sent, and returns each ball until the leader hangs up.
async fn follow(mut stream: NodeStream) -> Outcome {
    let start = Instant::now();
    let mut bytes = (&mut stream).take(MIB << 20);
    tokio::io::copy(&mut bytes, &mut tokio::io::sink()).await?;
    if bytes.limit() > 0 {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    let elapsed = start.elapsed();

    let mut balls = stream.framed::<Ball>();
    while let Some(ball) = balls.recv().await? {
        match ball {
            Ball::Ping(number) => balls.send(&Ball::Pong(number)).await?,
            Ball::Pong(number) => return Err(format!("pong {number} without a ping").into()),
        }
    }
    Ok(format!("{MIB} MiB in {elapsed:.1?}"))
}
