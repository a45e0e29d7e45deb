//! Subscriptions that do not keep up, each in its own way, and whom they hold up.

use super::*;
use crate::link::error::TrySendError;

fn small() -> SubscribeConfig {
    SubscribeConfig::new().window(1024)
}

/// Publishes until somebody has no room; how many went.
fn fill(topic: &Topic<Number>) -> u64 {
    for n in 0.. {
        let published = topic.try_publish(&Number(n)).unwrap();
        match published.missed() {
            [] => {}
            [(_, TrySendError::Full)] => return n,
            other => panic!("{other:?}"),
        }
    }
    unreachable!()
}

#[tokio::test]
async fn a_publisher_waits_for_room_and_nobody_else_does() {
    let (hubs, topics) = topics::<Number>(3, "room");
    let mut stuck = soon(topics[1].subscribe_with(small())).await;
    let mut lively = subscribe(&topics[2]).await;
    let mut other = subscribe(&topic::<Text>(&hubs[1], "other")).await;
    let other_topic = topic::<Text>(&hubs[0], "other");
    let full = fill(&topics[0]);
    assert!((8..64).contains(&full), "{full}");
    let publisher = topics[0].clone();
    let publishing = tokio::spawn(async move { reached(&publisher, &Number(full + 1)).await });
    // The other node gets it at once, as it got that which node 1 had no room for.
    for n in 0..=full + 1 {
        assert_eq!(next(&mut lively).await, (0, Number(n)));
    }
    // The same link carries other topics meanwhile.
    for n in 0..1_000 {
        assert_eq!(reached(&other_topic, &Text(n.to_string())).await, [1]);
        assert_eq!(next(&mut other).await, (0, Text(n.to_string())));
    }
    assert!(!publishing.is_finished());
    for n in (0..full).chain([full + 1]) {
        assert_eq!(next(&mut stuck).await, (0, Number(n)));
    }
    assert_eq!(soon(publishing).await.unwrap(), [1, 2]);
}

#[tokio::test]
async fn a_publisher_waits_for_its_own_node_too() {
    let (_hubs, topics) = topics::<Number>(1, "room");
    let mut stuck = soon(topics[0].subscribe_with(small())).await;
    let full = fill(&topics[0]);
    let publisher = topics[0].clone();
    let publishing = tokio::spawn(async move { reached(&publisher, &Number(full)).await });
    let_others_run(5).await;
    assert!(!publishing.is_finished());
    for n in 0..=full {
        assert_eq!(next(&mut stuck).await, (0, Number(n)));
    }
    assert_eq!(soon(publishing).await.unwrap(), [0]);
}

#[tokio::test]
async fn those_who_wait_to_publish_go_in_the_order_they_began_to() {
    let (_hubs, topics) = topics::<Number>(2, "room");
    let mut subscription = soon(topics[1].subscribe_with(small())).await;
    let full = fill(&topics[0]);
    let mut publishing = Vec::new();
    for n in full..full + 50 {
        let publisher = topics[0].clone();
        publishing.push(tokio::spawn(async move { reached(&publisher, &Number(n)).await }));
        let_others_run(2).await;
    }
    // One of them gives up, and holds up nobody.
    publishing.remove(20).abort();
    for n in (0..full + 20).chain(full + 21..full + 50) {
        assert_eq!(next(&mut subscription).await, (0, Number(n)));
    }
    for publisher in publishing {
        assert_eq!(soon(publisher).await.unwrap(), [1]);
    }
}

#[tokio::test]
async fn of_several_subscriptions_of_a_node_only_those_that_wait_are_waited_for() {
    let (_hubs, topics) = topics::<Number>(2, "room");
    let drops = small().when_full(WhenFull::DropOldest);
    let mut dropping = soon(topics[1].subscribe_with(drops)).await;
    let mut waiting = soon(topics[1].subscribe_with(small())).await;
    let full = fill(&topics[0]);
    for n in 0..full {
        assert_eq!(next(&mut waiting).await, (0, Number(n)));
    }
    // What waits for the one that drops holds up nobody.
    for n in 0..500 {
        assert_eq!(reached(&topics[0], &Number(n)).await, [1]);
        assert_eq!(next(&mut waiting).await, (0, Number(n)));
    }
    drop(waiting);
    for n in 0..500 {
        assert_eq!(reached(&topics[0], &Number(n)).await, [1]);
    }
    assert!(soon(dropping.recv()).await.unwrap().is_err());
}

/// Receives until all that was published is accounted for; the messages, and how many are missing.
async fn account(subscription: &mut Subscription<Number>, published: u64) -> (Vec<u64>, u64) {
    let (mut got, mut missing) = (Vec::new(), 0);
    while got.len() as u64 + missing < published {
        match soon(subscription.recv()).await.unwrap() {
            Ok(delivery) => got.push(delivery.message.0),
            Err(Lagged(messages)) => missing += messages,
        }
    }
    assert_eq!(got.len() as u64 + missing, published);
    assert!(got.is_sorted());
    (got, missing)
}

/// Publishes 1,000 numbers without waiting for anybody.
async fn publish_many(topic: &Topic<Number>) {
    for n in 0..1_000 {
        assert_eq!(reached(topic, &Number(n)).await, [1]);
        let_others_run(1).await;
    }
}

#[tokio::test]
async fn who_drops_the_newest_keeps_the_first_and_knows_how_many_are_missing() {
    let (_hubs, topics) = topics::<Number>(2, "room");
    let config = small().when_full(WhenFull::DropNewest);
    let mut subscription = soon(topics[1].subscribe_with(config)).await;
    publish_many(&topics[0]).await;
    let (got, missing) = account(&mut subscription, 1_000).await;
    assert_eq!(got[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert!(missing > 900, "{missing}");
}

#[tokio::test]
async fn who_drops_the_oldest_keeps_the_last_and_knows_how_many_are_missing() {
    let (_hubs, topics) = topics::<Number>(2, "room");
    let config = small().when_full(WhenFull::DropOldest);
    let mut subscription = soon(topics[1].subscribe_with(config)).await;
    let mut last = subscribe(&topics[1]).await;
    publish_many(&topics[0]).await;
    for n in 0..1_000 {
        assert_eq!(next(&mut last).await, (0, Number(n)));
    }
    let (got, missing) = account(&mut subscription, 1_000).await;
    assert_eq!(got.last(), Some(&999));
    assert!(missing > 900, "{missing}");
}

#[tokio::test]
async fn who_closes_gets_what_waits_then_the_loss_then_nothing_and_is_unsubscribed() {
    let (_hubs, topics) = topics::<Number>(2, "room");
    let config = small().when_full(WhenFull::Close);
    let mut subscription = soon(topics[1].subscribe_with(config)).await;
    soon(async {
        while !topics[0].subscribers().is_empty() {
            topics[0].publish(&Number(7)).await.unwrap();
            let_others_run(1).await;
        }
    })
    .await;
    let mut got = 0;
    let lagged = loop {
        match soon(subscription.recv()).await.unwrap() {
            Ok(_) => got += 1,
            Err(lagged) => break lagged,
        }
    };
    assert!(got > 8, "{got}");
    assert_eq!(lagged, Lagged(1));
    assert!(soon(subscription.recv()).await.is_none());
    assert_eq!(reached(&topics[0], &Number(0)).await, []);
}

#[tokio::test]
async fn a_stopped_node_that_is_not_to_be_waited_for_misses_messages_and_learns_how_many() {
    for when_full in [WhenFull::DropNewest, WhenFull::DropOldest] {
        let (a, mortal) = (hub(0), Mortal::new(1));
        join((&a, 0), (&mortal.hub, 1), LinkKind::Messages);
        let (at_a, at_b) = (topic::<Text>(&a, "room"), topic::<Text>(&mortal.hub, "room"));
        let config = SubscribeConfig::new().window(64 * 1024).when_full(when_full);
        let mut subscription = soon(at_b.subscribe_with(config)).await;
        let go_on = mortal.stop();
        let (mut published, mut full) = (0u64, 0);
        while full < 100 {
            let sent = soon(at_a.publish(&Text(format!("{published:04096}")))).await.unwrap();
            published += 1;
            if let [(node, error)] = sent.missed() {
                assert_eq!((*node, error), (NodeId(1), &TrySendError::Full));
                full += 1;
            }
        }
        go_on.send(()).unwrap();
        let (mut got, mut missing, mut last) = (0, 0, None);
        while got + missing < published {
            match soon(subscription.recv()).await.unwrap() {
                Ok(delivery) => {
                    let n: u64 = delivery.message.0.parse().unwrap();
                    assert!(last.is_none_or(|last| last < n));
                    // What is missing was said before what follows.
                    assert_eq!(n, got + missing);
                    (last, got) = (Some(n), got + 1);
                }
                Err(Lagged(messages)) => missing += messages,
            }
        }
        assert!(missing >= 100 && got > 0, "{got} {missing}");
        mortal.die();
    }
}

#[tokio::test]
async fn a_stopped_node_holds_up_a_publisher_that_is_to_wait_and_the_others_get_it() {
    let (a, mortal, b) = (hub(0), Mortal::new(1), hub(2));
    join((&a, 0), (&mortal.hub, 1), LinkKind::Messages);
    join((&a, 0), (&b, 2), LinkKind::Messages);
    let topics = [&a, &mortal.hub, &b].map(|hub| topic::<Text>(hub, "room"));
    let (mut stopped, mut lively) = (subscribe(&topics[1]).await, subscribe(&topics[2]).await);
    let go_on = mortal.stop();
    let large = Text("x".repeat(100_000));
    let publisher = topics[0].clone();
    let publishing = tokio::spawn(async move {
        for _ in 0..10 {
            assert_eq!(publisher.publish(&large).await.unwrap().reached().len(), 2);
        }
    });
    next(&mut lively).await;
    let_others_run(100).await;
    assert!(!publishing.is_finished());
    go_on.send(()).unwrap();
    next(&mut stopped).await;
    for _ in 1..10 {
        next(&mut lively).await;
        next(&mut stopped).await;
    }
    soon(publishing).await.unwrap();
    mortal.die();
}

#[tokio::test]
async fn a_publisher_that_never_waits_gives_its_own_node_a_turn() {
    let (_hubs, topics) = topics::<Number>(1, "room");
    let config = small().when_full(WhenFull::DropOldest);
    let mut subscription = soon(topics[0].subscribe_with(config)).await;
    let publisher = topics[0].clone();
    let publishing = tokio::spawn(async move {
        for n in 0.. {
            publisher.publish(&Number(n)).await.unwrap();
        }
    });
    assert!(soon(subscription.recv()).await.is_some());
    publishing.abort();
}
