//! Topics: who gets what is published, in which order, and when a subscription is in effect.

mod churn;
mod joining;
mod slow;
mod stress;

use super::*;
use crate::link::when_full::{Lagged, WhenFull};
use crate::node::topic::{Delivery, SubscribeConfig, Subscription, Topic, TopicNameError};

fn topic<M: Message>(hub: &Hub, name: &str) -> Topic<M> {
    hub.topic(name).unwrap()
}

/// Nodes that are all joined, and a topic on each.
fn topics<M: Message>(nodes: u64, name: &str) -> (Vec<Hub>, Vec<Topic<M>>) {
    let hubs = mesh(nodes);
    let topics = hubs.iter().map(|hub| topic(hub, name)).collect();
    (hubs, topics)
}

async fn subscribe<M: Message>(topic: &Topic<M>) -> Subscription<M> {
    soon(topic.subscribe()).await
}

/// The next message, and who published it.
async fn next<M: Message>(subscription: &mut Subscription<M>) -> (u64, M) {
    let Delivery { from, message, .. } = soon(subscription.recv()).await.unwrap().unwrap();
    (from.0, message)
}

async fn reached<M: Message>(topic: &Topic<M>, message: &M) -> Vec<u64> {
    let published = soon(topic.publish(message)).await.unwrap();
    assert_eq!(published.missed(), []);
    published.reached().iter().map(|node| node.0).collect()
}

/// Waits until the publisher has heard that exactly these nodes have subscribed.
async fn heard<M: Message>(topic: &Topic<M>, nodes: &[u64]) {
    let nodes: Vec<NodeId> = nodes.iter().copied().map(NodeId).collect();
    soon(async {
        while topic.subscribers() != nodes {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_message_goes_to_every_subscribed_node_and_to_no_other() {
    let (_hubs, topics) = topics::<Text>(4, "room");
    let (mut one, mut two) = (subscribe(&topics[1]).await, subscribe(&topics[2]).await);
    assert_eq!(reached(&topics[0], &text("hello")).await, [1, 2]);
    assert_eq!(next(&mut one).await, (0, text("hello")));
    assert_eq!(next(&mut two).await, (0, text("hello")));
    // The publisher is no exception, and hears itself like anybody else.
    assert_eq!(reached(&topics[2], &text("me")).await, [1, 2]);
    assert_eq!(next(&mut two).await, (2, text("me")));
    assert_eq!(next(&mut one).await, (2, text("me")));
}

#[tokio::test]
async fn without_a_subscription_a_message_goes_nowhere() {
    let (_hubs, topics) = topics::<Text>(2, "room");
    assert_eq!(soon(topics[0].publish(&text("?"))).await.unwrap(), crate::Broadcast::default());
    assert_eq!(topics[0].try_publish(&text("?")).unwrap(), crate::Broadcast::default());
}

#[tokio::test]
async fn topics_of_one_name_and_two_types_are_two_topics() {
    let (hubs, texts) = topics::<Text>(2, "same");
    let number = topic::<Number>(&hubs[0], "same");
    let other = topic::<Text>(&hubs[0], "other");
    let mut said = subscribe(&texts[1]).await;
    assert_eq!(reached(&number, &Number(1)).await, []);
    assert_eq!(reached(&other, &text("other")).await, []);
    assert_eq!(reached(&texts[0], &text("same")).await, [1]);
    assert_eq!(next(&mut said).await, (0, text("same")));
}

#[tokio::test]
async fn a_subscription_is_in_effect_on_every_node_once_subscribe_returns() {
    let (hubs, _) = topics::<Number>(4, "first");
    for n in 0..100 {
        let name = format!("room.{n}");
        let subscriber = usize::try_from(n % 4).unwrap();
        let mut subscription = subscribe(&topic::<Number>(&hubs[subscriber], &name)).await;
        for (node, hub) in hubs.iter().enumerate() {
            let to = reached(&topic(hub, &name), &Number(n)).await;
            assert_eq!(to, [subscriber as u64]);
            assert_eq!(next(&mut subscription).await, (node as u64, Number(n)));
        }
    }
}

#[tokio::test]
async fn a_node_that_names_its_first_topic_publishes_to_those_who_subscribed_before() {
    let hubs = mesh(2);
    // Node 1 uses messages, and nothing of topics yet.
    let _texts = peers::<Text>(&hubs[1], ChannelConfig::new());
    let mut numbers = subscribe(&topic::<Number>(&hubs[0], "late")).await;
    assert_eq!(reached(&topic(&hubs[1], "late"), &Number(1)).await, [0]);
    assert_eq!(next(&mut numbers).await, (1, Number(1)));
}

#[tokio::test]
async fn messages_of_each_publisher_arrive_in_order_and_once() {
    const EACH: u64 = 5_000;
    let (_hubs, topics) = topics::<Number>(4, "all");
    let config = SubscribeConfig::new().window(4096);
    let mut subscriptions = Vec::new();
    for topic in &topics {
        subscriptions.push(soon(topic.subscribe_with(config)).await);
    }
    for topic in topics {
        tokio::spawn(async move {
            for n in 0..EACH {
                assert_eq!(reached(&topic, &Number(n)).await, [0, 1, 2, 3]);
            }
        });
    }
    let receiving = subscriptions.into_iter().map(|mut subscription| {
        tokio::spawn(async move {
            let mut expected = [0; 4];
            for _ in 0..4 * EACH {
                let (from, Number(n)) = next(&mut subscription).await;
                let expected = &mut expected[usize::try_from(from).unwrap()];
                assert_eq!(n, *expected);
                *expected += 1;
            }
        })
    });
    for receiver in receiving.collect::<Vec<_>>() {
        soon(receiver).await.unwrap();
    }
}

#[tokio::test]
async fn several_subscriptions_of_a_node_each_get_everything() {
    let (_hubs, topics) = topics::<Number>(2, "room");
    let mut subscriptions = Vec::new();
    for _ in 0..3 {
        subscriptions.push(subscribe(&topics[1]).await);
    }
    for n in 0..100 {
        assert_eq!(reached(&topics[0], &Number(n)).await, [1]);
    }
    for subscription in &mut subscriptions {
        for n in 0..100 {
            assert_eq!(next(subscription).await, (0, Number(n)));
        }
    }
    subscriptions.truncate(1);
    assert_eq!(reached(&topics[0], &Number(100)).await, [1]);
    assert_eq!(next(&mut subscriptions[0]).await, (0, Number(100)));
}

#[tokio::test]
async fn a_large_message_arrives_whole_and_one_too_large_is_refused() {
    let (_hubs, topics) = topics::<Text>(2, "room");
    let mut subscription = subscribe(&topics[1]).await;
    let large = Text("x".repeat(8 << 20));
    assert_eq!(reached(&topics[0], &large).await, [1]);
    assert!(next(&mut subscription).await == (0, large));
    let refused = soon(topics[0].publish(&Text("x".repeat(16 << 20)))).await;
    assert_eq!(refused, Err(crate::BroadcastError::TooLarge { max: 16 << 20 }));
}

#[tokio::test]
async fn a_subscription_is_a_stream() {
    let (_hubs, topics) = topics::<Number>(1, "room");
    let mut subscription = subscribe(&topics[0]).await;
    assert_eq!(reached(&topics[0], &Number(1)).await, [0]);
    let item = std::future::poll_fn(|cx| {
        futures_core::Stream::poll_next(std::pin::Pin::new(&mut subscription), cx)
    });
    assert_eq!(soon(item).await.unwrap().unwrap().message, Number(1));
}

#[tokio::test]
async fn names_that_are_none_are_refused() {
    let hub = hub(0);
    assert_eq!(hub.topic::<Text>("").unwrap_err(), TopicNameError::Empty);
    let long = "x".repeat(256);
    assert_eq!(hub.topic::<Text>(&long).unwrap_err(), TopicNameError::TooLong { len: 256 });
    assert_eq!(topic::<Text>(&hub, &long[1..]).name(), &long[1..]);
}

/// Another generation's `Text`.
#[derive(Debug, Serialize, Deserialize)]
struct OtherText(u64);

impl Message for OtherText {
    const NAME: &'static str = "Text";
    const FINGERPRINT: u64 = 99;
}

#[test]
fn two_definitions_of_one_type_share_no_topic_and_the_log_says_so() {
    let log = log::Log::default();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    tracing::subscriber::with_default(log.clone(), || {
        runtime.block_on(async {
            let (a, b) = pair();
            let (texts, others) = (topic::<Text>(&a, "room"), topic::<OtherText>(&b, "room"));
            let (mut said, mut counted) = (subscribe(&texts).await, subscribe(&others).await);
            assert_eq!(reached(&texts, &text("text")).await, [0]);
            assert_eq!(reached(&others, &OtherText(1)).await, [1]);
            assert_eq!(next(&mut said).await, (0, text("text")));
            assert_eq!(next(&mut counted).await.0, 1);
        });
    });
    let lines = log.lines_with("topics of the message Text");
    assert_eq!(lines.len(), 2, "{lines:?}");
}

/// A value of any bytes that never decodes.
#[derive(Debug, Serialize)]
struct Opaque(u8);

impl<'de> Deserialize<'de> for Opaque {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("opaque"))
    }
}

impl Message for Opaque {
    const NAME: &'static str = "Opaque";
    const FINGERPRINT: u64 = 4;
}

#[tokio::test]
async fn a_message_that_does_not_decode_is_missing_and_nothing_else() {
    let (hubs, topics) = topics::<Opaque>(2, "room");
    let mut subscription = subscribe(&topics[1]).await;
    let mut texts = subscribe(&topic::<Text>(&hubs[1], "room")).await;
    for _ in [1, 2] {
        assert_eq!(reached(&topics[0], &Opaque(1)).await, [1]);
        assert_eq!(soon(subscription.recv()).await.unwrap().unwrap_err(), Lagged(1));
    }
    assert_eq!(reached(&topic(&hubs[0], "room"), &text("well")).await, [1]);
    assert_eq!(next(&mut texts).await, (0, text("well")));
}
