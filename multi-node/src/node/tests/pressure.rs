//! Odd sizes, odd windows, senders that give up: nothing is lost, doubled, torn or stuck.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(crate::tests::cases(64))]

    #[test]
    fn any_sizes_get_through_any_window(
        window in 0..3000usize,
        sizes in vec(prop_oneof![4 => 0..400usize, 1 => 0..5000usize], 1..200),
        tasks in 1..4usize,
    ) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let config = ChannelConfig::new().window(window);
            let (_a, left, _b, mut right) = channel::<Text>(config).await;
            for task in 0..tasks {
                let (sender, sizes) = (left.sender(), sizes.clone());
                tokio::spawn(async move {
                    for size in sizes.into_iter().skip(task).step_by(tasks) {
                        sender.send(&Text("x".repeat(size))).await.unwrap();
                    }
                });
            }
            let mut got = Vec::new();
            while got.len() < sizes.len() {
                got.push(soon(right.recv()).await.unwrap().0.len());
            }
            let mut sent = sizes.clone();
            if tasks > 1 {
                sent.sort_unstable();
                got.sort_unstable();
            }
            assert_eq!(got, sent);
        });
    }
}

#[tokio::test]
async fn senders_that_keep_giving_up_tear_nothing_and_lose_no_order() {
    const TASKS: u64 = 6;
    const EACH: u64 = 2_000;
    let (_a, left, _b, mut right) = channel::<Number>(ChannelConfig::new().window(256)).await;
    for task in 0..TASKS {
        let sender = left.sender();
        tokio::spawn(async move {
            for n in 0..EACH {
                let number = Number(task * EACH + n);
                tokio::select! {
                    biased;
                    sent = sender.send(&number) => sent.unwrap(),
                    () = let_others_run(usize::try_from(n % 5).unwrap()) => {}
                }
            }
            sender.send(&Number(TASKS * EACH + task)).await.unwrap();
        });
    }
    let (mut finished, mut last) = (0, [None; TASKS as usize]);
    while finished < TASKS {
        let Number(number) = soon(right.recv()).await.unwrap();
        if number >= TASKS * EACH {
            finished += 1;
            continue;
        }
        let last = &mut last[usize::try_from(number / EACH).unwrap()];
        assert!(last.is_none_or(|last| last < number));
        *last = Some(number);
    }
}
