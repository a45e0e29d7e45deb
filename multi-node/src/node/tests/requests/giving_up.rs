//! Requests that nobody waits for any more, because of whoever asked, the time, or a death.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use super::*;

#[tokio::test]
async fn a_request_that_is_dropped_is_given_up_at_the_other_node() {
    let (a, _b, mut requests) = joined().await;
    let (dropped, kept) = (asking(&a, 1), asking(&a, 2));
    let (_, mut asker) = soon(requests.recv()).await.unwrap();
    let (fetch, other) = soon(requests.recv()).await.unwrap();
    assert!(!asker.has_given_up());
    dropped.abort();
    soon(asker.given_up()).await;
    assert!(asker.has_given_up() && !other.has_given_up());
    assert_eq!(asker.reply(&fetched(Fetch(1))).await, Err(ReplyError::GivenUp));
    other.reply(&fetched(fetch)).await.unwrap();
    assert_eq!(soon(kept).await.unwrap(), Ok(fetched(Fetch(2))));
}

#[tokio::test]
async fn those_given_up_make_room_when_their_handlers_are_done() {
    let (a, _b, mut requests) = joined().await;
    let given_up: Vec<_> = (0..AT_ONCE as u64).map(|n| asking(&a, n)).collect();
    let mut askers = Vec::new();
    for _ in 0..AT_ONCE {
        askers.push(soon(requests.recv()).await.unwrap().1);
    }
    given_up.iter().for_each(|asking| asking.abort());
    for asker in &mut askers {
        soon(asker.given_up()).await;
    }
    let next = asking(&a, 5);
    let_others_run(100).await;
    assert!(requests.try_recv().is_err());
    drop(askers);
    let (fetch, asker) = soon(requests.recv()).await.unwrap();
    asker.reply(&fetched(fetch)).await.unwrap();
    assert_eq!(soon(next).await.unwrap(), Ok(fetched(Fetch(5))));
}

#[tokio::test]
async fn a_request_whose_time_is_up_says_so_and_is_given_up() {
    let (a, _b, mut requests) = joined().await;
    let after = Duration::from_millis(1);
    let timed_out = Err(RequestError::TimedOut { after });
    assert_eq!(soon(a.request(THERE, &Fetch(1), after)).await, timed_out);
    let (_, mut asker) = soon(requests.recv()).await.unwrap();
    soon(asker.given_up()).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_five_seconds_unless_it_is_told_otherwise() {
    let (a, b) = pair();
    let _never_answered = asked(&b);
    let (mut at_a, _at_b) = (peers::<Text>(&a, small_window()), peers::<Text>(&b, small_window()));
    let peer = at_a.recv().await.unwrap();
    let (begun, after) = (tokio::time::Instant::now(), Duration::from_secs(5));
    assert_eq!(peer.request(&Fetch(1)).await, Err(RequestError::TimedOut { after }));
    assert!(begun.elapsed() >= after);
}

#[tokio::test]
async fn a_node_that_ends_closes_all_that_wait_for_it_at_once() {
    let (a, mortal) = (hub(0), Mortal::new(1));
    let mut requests = asked(&mortal.hub);
    join((&a, 0), (&mortal.hub, 1), LinkKind::Messages);
    introduced(&a, &mortal.hub).await;
    // Some are under way, the others wait for a place.
    let asking: Vec<_> = (0..AT_ONCE as u64 + 10).map(|n| asking(&a, n)).collect();
    let mut under_way = Vec::new();
    for _ in 0..AT_ONCE {
        under_way.push(soon(requests.recv()).await.unwrap());
    }
    mortal.die();
    let closed = Err(RequestError::Closed { reason: CloseReason::Ended });
    for asking in asking {
        assert_eq!(soon(asking).await.unwrap(), closed);
    }
    assert_eq!(soon(a.request(THERE, &Fetch(1), DEADLINE)).await, Err(NOT_OPEN));
}

#[tokio::test]
async fn a_handler_learns_that_the_node_that_asked_has_ended() {
    let (b, mortal) = (hub(1), Mortal::new(0));
    let mut requests = asked(&b);
    join((&mortal.hub, 0), (&b, 1), LinkKind::Messages);
    introduced(&mortal.hub, &b).await;
    let asking = mortal.hub.clone();
    mortal.runtime.spawn(async move { asking.request(THERE, &Fetch(1), DEADLINE).await });
    let (_, mut asker) = soon(requests.recv()).await.unwrap();
    mortal.die();
    soon(asker.given_up()).await;
    assert_eq!(asker.reply(&fetched(Fetch(1))).await, Err(ReplyError::GivenUp));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn askers_that_keep_giving_up_get_no_answer_of_another_and_leave_no_place_taken() {
    const TASKS: u64 = 8;
    const EACH: u64 = 2_000;
    let (a, b) = pair();
    let answered = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&answered);
    b.on_request(move |fetch: Fetch, asker: Asker<Fetch>| {
        let count = Arc::clone(&count);
        async move {
            let_others_run(usize::try_from(fetch.0 % 3).unwrap()).await;
            // It may have been given up.
            let replied = asker.reply(&fetched(fetch)).await;
            count.fetch_add(usize::from(replied.is_ok()), SeqCst);
        }
    });
    introduced(&a, &b).await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let a = a.clone();
            tokio::spawn(async move {
                for n in task * EACH..(task + 1) * EACH {
                    let fetch = Fetch(n);
                    tokio::select! {
                        biased;
                        reply = a.request(THERE, &fetch, DEADLINE) => {
                            assert_eq!(reply, Ok(fetched(Fetch(n))));
                        }
                        () = let_others_run(usize::try_from(n % 7).unwrap()) => {}
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        soon(task).await.unwrap();
    }
    // Every place can be taken again.
    let asking: Vec<_> = (0..AT_ONCE as u64).map(|n| asking(&a, n)).collect();
    for (n, asking) in (0..).zip(asking) {
        assert_eq!(soon(asking).await.unwrap(), Ok(fetched(Fetch(n))));
    }
    assert!(answered.load(SeqCst) >= AT_ONCE);
}
