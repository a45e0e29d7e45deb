//! Nodes and subscriptions that come and go.

use super::*;

/// A link to a node that says nothing until it is dropped.
pub(super) fn silent_link(hub: &Hub, node: u64) -> std::os::fd::OwnedFd {
    let (ours, theirs) = stream_pair().unwrap();
    hub.link(NodeId(node), LinkKind::Messages, ours);
    theirs
}

/// Starts to subscribe, and lets it wait.
async fn subscribing(
    topic: &Topic<Number>,
) -> std::pin::Pin<Box<impl Future<Output = Subscription<Number>>>> {
    let topic = topic.clone();
    let mut subscribing = Box::pin(async move { topic.subscribe().await });
    tokio::select! {
        biased;
        _ = &mut subscribing => panic!("a node has not answered"),
        () = let_others_run(20) => {}
    }
    subscribing
}

#[tokio::test]
async fn a_node_that_dies_before_it_answers_is_not_waited_for_any_more() {
    let (hubs, topics) = topics::<Number>(2, "room");
    let silent = silent_link(&hubs[0], 7);
    let subscribing = subscribing(&topics[0]).await;
    drop(silent);
    let mut subscription = soon(subscribing).await;
    assert_eq!(reached(&topics[1], &Number(1)).await, [0]);
    assert_eq!(next(&mut subscription).await, (1, Number(1)));
}

#[tokio::test]
async fn a_node_that_joins_while_another_subscribes_knows_of_it_when_that_returns() {
    let (hubs, topics) = topics::<Number>(2, "room");
    let silent = silent_link(&hubs[0], 7);
    let subscribing = subscribing(&topics[0]).await;
    let late = hub(2);
    let late_topic = topic::<Number>(&late, "room");
    join((&hubs[0], 0), (&late, 2), LinkKind::Messages);
    drop(silent);
    let mut subscription = soon(subscribing).await;
    assert_eq!(reached(&late_topic, &Number(2)).await, [0]);
    assert_eq!(next(&mut subscription).await, (2, Number(2)));
    drop(topics);
}

#[tokio::test]
async fn a_node_that_joins_later_hears_of_all_subscriptions() {
    let (hubs, topics) = topics::<Number>(1, "room");
    let mut subscription = subscribe(&topics[0]).await;
    let _other = subscribe(&topic::<Text>(&hubs[0], "other")).await;
    let late = hub(1);
    let late_topic = topic::<Number>(&late, "room");
    join((&hubs[0], 0), (&late, 1), LinkKind::Messages);
    heard(&late_topic, &[0]).await;
    assert_eq!(reached(&late_topic, &Number(2)).await, [0]);
    assert_eq!(next(&mut subscription).await, (1, Number(2)));
}

#[tokio::test]
async fn a_dropped_subscription_is_sent_nothing_and_neither_is_one_given_up() {
    let (hubs, topics) = topics::<Number>(2, "room");
    let (first, second) = (subscribe(&topics[1]).await, subscribe(&topics[1]).await);
    drop(first);
    assert_eq!(reached(&topics[0], &Number(1)).await, [1]);
    drop(second);
    heard(&topics[0], &[]).await;
    assert_eq!(reached(&topics[0], &Number(2)).await, []);

    let silent = silent_link(&hubs[1], 7);
    drop(subscribing(&topics[1]).await);
    assert_eq!(topics[1].subscribers(), []);
    heard(&topics[0], &[]).await;
    drop(silent);
}

#[tokio::test]
async fn a_topic_left_and_entered_again_at_once_is_in_effect_each_time() {
    let (_hubs, topics) = topics::<Number>(2, "room");
    for n in 0..300 {
        let mut subscription = subscribe(&topics[1]).await;
        assert_eq!(reached(&topics[0], &Number(n)).await, [1]);
        assert_eq!(next(&mut subscription).await, (0, Number(n)));
    }
}

#[tokio::test]
async fn a_publisher_that_waits_is_let_go_by_a_node_that_ends_or_unsubscribes() {
    let (a, mortal) = (hub(0), Mortal::new(1));
    join((&a, 0), (&mortal.hub, 1), LinkKind::Messages);
    let b = hub(2);
    join((&a, 0), (&b, 2), LinkKind::Messages);
    let topics = [&a, &mortal.hub, &b].map(|hub| topic::<Number>(hub, "room"));
    let config = SubscribeConfig::new().window(1024);
    let _one = soon(topics[1].subscribe_with(config)).await;
    let two = soon(topics[2].subscribe_with(config)).await;
    while topics[0].try_publish(&Number(0)).unwrap().missed().is_empty() {}
    let publisher = topics[0].clone();
    let publishing = tokio::spawn(async move { publisher.publish(&Number(1)).await });
    let_others_run(20).await;
    assert!(!publishing.is_finished());
    mortal.die();
    drop(two);
    let published = soon(publishing).await.unwrap().unwrap();
    assert_eq!(published.reached(), []);
    let missed: Vec<u64> = published.missed().iter().map(|(node, _)| node.0).collect();
    assert_eq!(missed, [1, 2]);
    heard(&topics[0], &[]).await;
}

#[tokio::test]
async fn what_was_published_before_a_node_ended_still_arrives() {
    let (mortal, b) = (Mortal::new(0), hub(1));
    join((&mortal.hub, 0), (&b, 1), LinkKind::Messages);
    let (at_a, at_b) = (topic::<Number>(&mortal.hub, "room"), topic::<Number>(&b, "room"));
    let mut subscription = subscribe(&at_b).await;
    for n in 0..1_000 {
        assert_eq!(reached(&at_a, &Number(n)).await, [1]);
    }
    let deadline = std::time::Instant::now() + DEADLINE;
    assert_eq!(soon(mortal.hub.flush(deadline)).await, []);
    mortal.die();
    for n in 0..1_000 {
        assert_eq!(next(&mut subscription).await, (0, Number(n)));
    }
}

#[tokio::test]
async fn many_topics_are_there_while_they_are_used_and_leave_nothing() {
    const TOPICS: u64 = 20_000;
    let (a, b) = pair();
    let _used = topic::<Number>(&b, "used");
    let mut subscribing = tokio::task::JoinSet::new();
    for n in 0..TOPICS {
        let topic = topic::<Number>(&a, &n.to_string());
        subscribing.spawn(async move { topic.subscribe().await });
    }
    let mut subscriptions = soon(subscribing.join_all()).await;
    assert_eq!((a.topics().len(), b.topics().len()), (TOPICS as usize, 1 + TOPICS as usize));
    let late = hub(2);
    let _used_too = topic::<Number>(&late, "used");
    join((&a, 0), (&late, 2), LinkKind::Messages);
    heard(&topic::<Number>(&late, &(TOPICS - 1).to_string()), &[0]).await;
    for subscription in subscriptions.iter_mut().step_by(97) {
        let n = subscription.topic().parse().unwrap();
        assert_eq!(reached(&topic(&b, subscription.topic()), &Number(n)).await, [0]);
        assert_eq!(next(subscription).await, (1, Number(n)));
    }
    drop(subscriptions);
    soon(async {
        while (a.topics().len(), b.topics().len(), late.topics().len()) != (0, 1, 1) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
