//! Topics on order: who has subscribed, who gets what, and what a publisher is told.

use std::collections::{BTreeMap, HashMap};
use std::io;

use multi_node::{Delivery, Message, NodeId, Nodes, Subscription, Topic};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;

use crate::messages::list;
use crate::orders::Orders;
use crate::words::{say, up, who};

#[derive(Debug, Clone, Serialize, Deserialize, Message)]
struct Said {
    text: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, Message)]
struct Counted(u64);

/// Each node subscribes to `all`, says what it gets, and takes these orders on its connections:
///
/// - `who`, and `subscribers TOPIC`: the nodes that are known to have subscribed
/// - `subscribe TOPIC`: answers `subscribed` once that is in effect; `leave TOPIC`
/// - `publish TOPIC TEXT`: answers who got it
#[multi_node::main(port = 0, nodes = 4)]
pub(crate) async fn topics(nodes: Nodes) -> io::Result<()> {
    let all = nodes.topic("all").subscribe().await;
    tokio::spawn(hear(nodes.id(), all));
    serve_orders(nodes).await
}

/// The same with nodes that name no topic, and so have no links, before they are ordered to.
#[multi_node::main(port = 0, nodes = 4)]
pub(crate) async fn late_topics(nodes: Nodes) -> io::Result<()> {
    serve_orders(nodes).await
}

async fn serve_orders(nodes: Nodes) -> io::Result<()> {
    up(&nodes);
    let listener = nodes.listener();
    while let Ok((connection, _)) = listener.accept().await {
        tokio::spawn(take_orders(nodes.clone(), connection));
    }
    Ok(())
}

async fn hear(me: NodeId, mut subscription: Subscription<Said>) {
    while let Some(Ok(Delivery { from, message, .. })) = subscription.recv().await {
        let (topic, text) = (subscription.topic(), message.text);
        say(format_args!("got node={me} from={from} topic={topic} text={text}"));
    }
}

async fn take_orders(
    nodes: Nodes,
    connection: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut orders = Orders::new(connection);
    let mut hearing: HashMap<String, AbortHandle> = HashMap::new();
    while let Some(line) = orders.next().await? {
        let order: Vec<&str> = line.split_whitespace().collect();
        let answer = match order[..] {
            ["who"] => who(&nodes),
            ["subscribers", name] => list(&topic(&nodes, name).subscribers()),
            ["subscribe", name] => {
                let subscription = topic(&nodes, name).subscribe().await;
                let task = tokio::spawn(hear(nodes.id(), subscription));
                hearing.insert(name.to_owned(), task.abort_handle());
                "subscribed".to_owned()
            }
            ["leave", name] => {
                hearing.remove(name).iter().for_each(AbortHandle::abort);
                "left".to_owned()
            }
            ["publish", name, text] => {
                let published = topic(&nodes, name).publish(&Said { text: text.to_owned() }).await;
                published.map_or_else(|error| error.to_string(), |sent| list(sent.reached()))
            }
            _ => "what?".to_owned(),
        };
        orders.answer(&answer).await?;
    }
    Ok(())
}

fn topic(nodes: &Nodes, name: &str) -> Topic<Said> {
    nodes.topic(name)
}

/// How many messages in a row make a publisher one that goes.
const GOING: u64 = 2_000;

/// Every node publishes numbers without end on a topic to which all subscribe, and checks that it
/// gets those of each in order and once; a failure is a panic. It says whom it hears.
#[multi_node::main(port = 0, nodes = 4)]
pub(crate) async fn topic_lockstep(nodes: Nodes) -> io::Result<()> {
    let topic = nodes.topic::<Counted>("numbers");
    let subscription = topic.subscribe().await;
    tokio::spawn(check_order(nodes.id(), subscription));
    tokio::spawn(async move {
        for n in 0.. {
            topic.publish(&Counted(n)).await.expect("a number can be encoded");
        }
    });
    up(&nodes);
    nodes.ready();
    nodes.shutdown().await;
    Ok(())
}

async fn check_order(me: NodeId, mut subscription: Subscription<Counted>) {
    let mut heard: BTreeMap<NodeId, (u64, u64)> = BTreeMap::new();
    while let Some(delivery) = subscription.recv().await {
        let Delivery { from, message: Counted(n), .. } = delivery.expect("nothing is missing");
        let (next, count) = heard.entry(from).or_insert((n, 0));
        assert_eq!(n, *next, "node {me}: a message of node {from} out of order");
        (*next, *count) = (n + 1, *count + 1);
        if *count == GOING {
            say(format_args!("going node={me} from={from}"));
        }
    }
}
