//! Requests on order: what a node that is asked does, and what whoever asks is told.

use std::io;
use std::time::Duration;

use multi_node::{Asker, Message, NodeId, Nodes, RequestError};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::orders::Orders;
use crate::words::{say, up, who};

#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(reply = Done)]
enum Do {
    /// Answers at once.
    Echo(u64),
    /// Answers when this node has been told to leave, and a while after `main` has returned.
    Last,
    /// Says when it was given up.
    Wait,
    LetGo,
    Panic,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, Message)]
struct Done(u64);

/// Longer than it takes to return from `main`.
const WORK: Duration = Duration::from_millis(300);

/// Each node answers what the others ask, and takes these orders on its connections:
///
/// - `who`
/// - `echo NODE COUNT`: asks so many times at once; answers how many got their own answer
/// - `last NODE`, `wait NODE`, `let-go NODE`, `panic NODE`: asks once; answers what came of it
/// - `hurry NODE`: as `wait`, for a millisecond
#[multi_node::main(port = 0, nodes = 3)]
pub(crate) async fn asks(nodes: Nodes) -> io::Result<()> {
    let here = nodes.clone();
    nodes.on_request(move |order: Do, asker: Asker<Do>| handle(here.clone(), order, asker));
    up(&nodes);
    tokio::select! {
        () = accept(&nodes) => {}
        () = nodes.shutdown() => {}
    }
    Ok(())
}

async fn accept(nodes: &Nodes) {
    let listener = nodes.listener();
    while let Ok((connection, _)) = listener.accept().await {
        tokio::spawn(take_orders(nodes.clone(), connection));
    }
}

async fn handle(nodes: Nodes, order: Do, mut asker: Asker<Do>) {
    let (me, from) = (nodes.id(), asker.id());
    let number = match order {
        Do::Echo(number) => number,
        Do::Last => {
            say(format_args!("asked node={me} from={from}"));
            nodes.shutdown().await;
            tokio::time::sleep(WORK).await;
            0
        }
        Do::Wait => {
            say(format_args!("asked node={me} from={from}"));
            asker.given_up().await;
            return say(format_args!("given-up node={me} from={from}"));
        }
        Do::LetGo => return,
        Do::Panic => panic!("told to panic"),
    };
    asker.reply(&Done(number)).await.expect("whoever asked waits");
}

async fn take_orders(
    nodes: Nodes,
    connection: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut orders = Orders::new(connection);
    while let Some(line) = orders.next().await? {
        let order: Vec<&str> = line.split_whitespace().collect();
        let answer = match order[..] {
            ["who"] => who(&nodes),
            ["echo", node, count] => echo(&nodes, node, count.parse().expect("a number")).await,
            ["hurry", node] => {
                let soon = Duration::from_millis(1);
                told(nodes.request_within(soon, named(node), &Do::Wait).await)
            }
            [order, node] => {
                let order = match order {
                    "last" => Do::Last,
                    "wait" => Do::Wait,
                    "let-go" => Do::LetGo,
                    "panic" => Do::Panic,
                    unknown => panic!("no order {unknown:?}"),
                };
                told(nodes.request(named(node), &order).await)
            }
            _ => "what?".to_owned(),
        };
        orders.answer(&answer).await?;
    }
    Ok(())
}

async fn echo(nodes: &Nodes, node: &str, count: u64) -> String {
    let to = named(node);
    let asking: Vec<_> = (0..count)
        .map(|number| {
            let nodes = nodes.clone();
            tokio::spawn(
                async move { nodes.request(to, &Do::Echo(number)).await == Ok(Done(number)) },
            )
        })
        .collect();
    let mut own = 0;
    for asked in asking {
        own += u64::from(asked.await.expect("it does not panic"));
    }
    own.to_string()
}

fn told(reply: Result<Done, RequestError>) -> String {
    reply.map_or_else(|error| error.to_string(), |_| "done".to_owned())
}

fn named(node: &str) -> NodeId {
    node.parse().expect("a node's number")
}
