//! Odd sizes, odd windows, senders that give up: nothing is lost, doubled, torn or stuck.

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::time::sleep;

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

/// The clock of the sending nodes is made to jump; the node that stands still has a thread of its
/// own, and is held up there.
#[tokio::test(start_paused = true)]
async fn a_node_that_reads_nothing_for_ten_seconds_holds_up_nobody_else_and_misses_nothing() {
    let (a, stuck, other) = (hub(0), Mortal::new(1), hub(2));
    join((&a, 0), (&stuck.hub, 1), LinkKind::Messages);
    join((&a, 0), (&other, 2), LinkKind::Messages);
    let mut at_a = peers::<Number>(&a, ChannelConfig::new());
    let mut at_stuck = peers::<Number>(&stuck.hub, ChannelConfig::new());
    let mut at_other = peers::<Number>(&other, ChannelConfig::new());
    let mut to = [really(at_a.recv()).await.unwrap(), really(at_a.recv()).await.unwrap()];
    to.sort_by_key(Peer::id);
    let (mut slow, mut lively) =
        (really(at_stuck.recv()).await.unwrap(), really(at_other.recv()).await.unwrap());

    let (stands_still, still) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    stuck.runtime.spawn(async move {
        stands_still.send(()).unwrap();
        released.recv().unwrap_or_default();
    });
    still.recv().unwrap();
    let sent = fill(&to[0]);
    let sender = to[0].sender();
    let waiting = tokio::spawn(async move { sender.send(&Number(sent)).await });
    for n in 0..10 {
        sleep(Duration::from_secs(1)).await;
        assert!(!waiting.is_finished());
        to[1].send(&Number(n)).await.unwrap();
        assert_eq!(really(lively.recv()).await, Some(Number(n)));
    }
    drop(release);
    for n in 0..=sent {
        assert_eq!(really(slow.recv()).await, Some(Number(n)));
    }
    really(waiting).await.unwrap().unwrap();
    stuck.die();
}
