//! Odd sizes, odd windows, many threads: nothing is lost, doubled, out of order or stuck.

use std::sync::atomic::{AtomicU64, Ordering};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(crate::tests::cases(64))]

    #[test]
    fn any_sizes_get_through_any_window(
        windows in vec(0..3000usize, 1..4),
        sizes in vec(prop_oneof![4 => 0..400usize, 1 => 0..5000usize], 1..200),
    ) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_hubs, topics) = topics::<Text>(2, "room");
            let mut subscriptions = Vec::new();
            for (n, window) in windows.iter().enumerate() {
                let config = SubscribeConfig::new().window(*window);
                subscriptions.push(soon(topics[n % 2].subscribe_with(config)).await);
            }
            let (publisher, to_send) = (topics[0].clone(), sizes.clone());
            tokio::spawn(async move {
                for size in to_send {
                    let sent = publisher.publish(&Text("x".repeat(size))).await.unwrap();
                    assert_eq!(sent.missed(), []);
                }
            });
            for size in sizes {
                for subscription in &mut subscriptions {
                    assert_eq!(next(subscription).await.1.0.len(), size);
                }
            }
        });
    }
}

/// One that was subscribed gets everything from then on, of each publisher, for as long as it is.
async fn check_one(topic: &Topic<Number>, next: &[AtomicU64]) {
    let config = SubscribeConfig::new().window(2048);
    let mut subscription = soon(topic.subscribe_with(config)).await;
    let from_now_on: Vec<u64> = next.iter().map(|next| next.load(Ordering::SeqCst)).collect();
    let mut expected = vec![None; next.len()];
    let mut caught_up = 0;
    while caught_up < next.len() {
        let (from, Number(n)) = super::next(&mut subscription).await;
        let from = usize::try_from(from).unwrap();
        match expected[from] {
            Some(expected) => assert_eq!(n, expected, "of node {from}"),
            None => assert!(n <= from_now_on[from], "{n} of node {from} came first"),
        }
        expected[from] = Some(n + 1);
        caught_up += usize::from(n == from_now_on[from] + 20);
    }
}

#[test]
fn subscriptions_that_come_and_go_on_many_threads_miss_nothing_while_they_are_in_effect() {
    const ROUNDS: usize = 60;
    let runtimes: Vec<Runtime> = (0..3)
        .map(|_| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
        .collect();
    let hubs: Vec<Hub> =
        (0..3).zip(&runtimes).map(|(id, runtime)| hub_on(id, runtime.handle().clone())).collect();
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        join((&hubs[a as usize], a), (&hubs[b as usize], b), LinkKind::Messages);
    }
    let next: Arc<[AtomicU64]> = Arc::from([const { AtomicU64::new(0) }; 3]);
    let mut checking = Vec::new();
    for (node, runtime) in runtimes.iter().enumerate() {
        let topic = topic::<Number>(&hubs[node], "room");
        let (publisher, numbers) = (topic.clone(), Arc::clone(&next));
        runtime.spawn(async move {
            loop {
                let n = numbers[node].fetch_add(1, Ordering::SeqCst);
                publisher.publish(&Number(n)).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        for _ in [1, 2] {
            let (topic, next) = (topic.clone(), Arc::clone(&next));
            checking.push(runtime.spawn(async move {
                for _ in 0..ROUNDS {
                    check_one(&topic, &next).await;
                }
            }));
        }
    }
    let waits = Builder::new_current_thread().enable_all().build().unwrap();
    for checker in checking {
        waits.block_on(soon(checker)).unwrap();
    }
    runtimes.into_iter().for_each(Runtime::shutdown_background);
}
