//! Requests and replies: out of order, given up, refused, never answered.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use serde::ser::{Error as _, Serializer};

use super::sending::futures_poll;
use super::*;
use crate::link::error::{CloseReason, SendError};
use crate::link::message::Request;
use crate::node::request::{AT_ONCE, Asker, ReplyError, RequestError};

/// Answered with as many bytes; what a handler does with it is the test's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Fetch(u64);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Fetched(String);

impl Message for Fetch {
    const NAME: &'static str = "Fetch";
    const FINGERPRINT: u64 = 11;
}

impl Message for Fetched {
    const NAME: &'static str = "Fetched";
    const FINGERPRINT: u64 = 12;
}

impl Request for Fetch {
    type Reply = Fetched;
}

const THERE: NodeId = NodeId(1);

fn fetched(Fetch(n): Fetch) -> Fetched {
    Fetched(n.to_string())
}

/// Answers every request at once.
fn serve(hub: &Hub) {
    hub.on_request(|fetch: Fetch, asker: Asker<Fetch>| async move {
        asker.reply(&fetched(fetch)).await.unwrap();
    });
}

/// Hands every request out to the test.
fn asked(hub: &Hub) -> Requests {
    let (give, take) = mpsc::unbounded_channel();
    hub.on_request(move |fetch: Fetch, asker: Asker<Fetch>| {
        let give = give.clone();
        async move { give.send((fetch, asker)).unwrap_or_default() }
    });
    take
}

/// Waits until each of two nodes knows what the other has asked for so far.
async fn introduced(a: &Hub, b: &Hub) {
    meet::<Text>(a, b).await;
}

async fn meet<M: Message>(a: &Hub, b: &Hub) {
    let (mut at_a, mut at_b) =
        (peers::<M>(a, ChannelConfig::new()), peers::<M>(b, ChannelConfig::new()));
    soon(at_a.recv()).await.unwrap();
    soon(at_b.recv()).await.unwrap();
}

type Requests = mpsc::UnboundedReceiver<(Fetch, Asker<Fetch>)>;

/// Two nodes, of which the second hands what it is asked to the test.
async fn joined() -> (Hub, Hub, Requests) {
    let (a, b) = pair();
    let requests = asked(&b);
    introduced(&a, &b).await;
    (a, b, requests)
}

fn asking(hub: &Hub, n: u64) -> tokio::task::JoinHandle<Result<Fetched, RequestError>> {
    let hub = hub.clone();
    tokio::spawn(async move { hub.request(THERE, &Fetch(n), DEADLINE).await })
}

/// Asks node 1 and expects what it always answers.
async fn is_answered(hub: &Hub, n: u64) {
    assert_eq!(soon(hub.request(THERE, &Fetch(n), DEADLINE)).await, Ok(fetched(Fetch(n))));
}

const NOT_OPEN: RequestError = RequestError::NotOpen { node: THERE };

#[tokio::test]
async fn a_request_is_replied_to_and_neither_node_need_do_both() {
    let (a, b) = pair();
    serve(&b);
    introduced(&a, &b).await;
    for n in 0..100 {
        is_answered(&a, n).await;
    }
}

#[tokio::test]
async fn a_peer_and_its_sender_ask_beside_their_own_messages() {
    let (a, b) = pair();
    serve(&b);
    let (mut at_a, mut at_b) =
        (peers::<Text>(&a, small_window()), peers::<Text>(&b, small_window()));
    let (left, mut right) = (soon(at_a.recv()).await.unwrap(), soon(at_b.recv()).await.unwrap());
    while left.try_send(&text("full")).is_ok() {}
    assert_eq!(soon(left.request(&Fetch(1))).await, Ok(fetched(Fetch(1))));
    assert_eq!(soon(left.sender().request(&Fetch(2))).await, Ok(fetched(Fetch(2))));
    assert_eq!(soon(left.request_within(DEADLINE, &Fetch(3))).await, Ok(fetched(Fetch(3))));
    assert_eq!(soon(right.recv()).await, Some(text("full")));
}

#[tokio::test]
async fn thousands_are_under_way_at_once_and_are_answered_in_any_order() {
    const MANY: u64 = 4000;
    let (a, _b, mut requests) = joined().await;
    let asking: Vec<_> = (0..MANY).map(|n| asking(&a, n)).collect();
    let mut askers = Vec::new();
    for _ in 0..MANY {
        askers.push(soon(requests.recv()).await.unwrap());
    }
    // The last comes first, and every seventh before all others.
    askers.sort_by_key(|(Fetch(n), _)| (n % 7, std::cmp::Reverse(*n)));
    for (fetch, asker) in askers {
        assert_eq!(asker.id(), NodeId(0));
        asker.reply(&fetched(fetch)).await.unwrap();
    }
    for (n, asking) in (0..).zip(asking) {
        assert_eq!(soon(asking).await.unwrap(), Ok(fetched(Fetch(n))));
    }
}

#[tokio::test]
async fn no_more_than_the_bound_are_under_way_and_the_rest_waits_for_its_turn() {
    let (a, _b, mut requests) = joined().await;
    let asking: Vec<_> = (0..AT_ONCE as u64 + 10).map(|n| asking(&a, n)).collect();
    let mut first = Vec::new();
    for _ in 0..AT_ONCE {
        first.push(soon(requests.recv()).await.unwrap());
    }
    let_others_run(100).await;
    assert!(requests.try_recv().is_err());
    for (fetch, asker) in first {
        asker.reply(&fetched(fetch)).await.unwrap();
    }
    for _ in 0..10 {
        let (fetch, asker) = soon(requests.recv()).await.unwrap();
        asker.reply(&fetched(fetch)).await.unwrap();
    }
    for (n, asking) in (0..).zip(asking) {
        assert_eq!(soon(asking).await.unwrap(), Ok(fetched(Fetch(n))));
    }
}

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

#[tokio::test]
async fn a_handler_that_lets_go_or_panics_replies_with_nothing_and_hurts_no_other() {
    let (a, b) = pair();
    b.on_request(|fetch: Fetch, asker: Asker<Fetch>| async move {
        match fetch {
            Fetch(0) => drop(asker),
            Fetch(1) => panic!("on purpose"),
            other => asker.reply(&fetched(other)).await.unwrap(),
        }
    });
    introduced(&a, &b).await;
    for n in [0, 1] {
        let reply = soon(a.request(THERE, &Fetch(n), DEADLINE)).await;
        assert_eq!(reply, Err(RequestError::NoReply));
    }
    is_answered(&a, 2).await;
}

#[tokio::test]
async fn a_node_without_a_handler_is_not_open_until_it_has_one() {
    let (a, b) = pair();
    introduced(&a, &b).await;
    assert_eq!(soon(a.request(THERE, &Fetch(1), DEADLINE)).await, Err(NOT_OPEN));
    // Now both have the type, and neither can answer.
    meet::<Number>(&a, &b).await;
    let here = RequestError::NotOpen { node: NodeId(0) };
    assert_eq!(soon(b.request(NodeId(0), &Fetch(1), DEADLINE)).await, Err(here));
    assert_eq!(soon(a.request(THERE, &Fetch(1), DEADLINE)).await, Err(NOT_OPEN));
    serve(&b);
    is_answered(&a, 2).await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_on_either_side() {
    let (a, b) = pair();
    let (give, mut got) = mpsc::unbounded_channel();
    b.on_request(move |Fetch(n): Fetch, asker: Asker<Fetch>| {
        let give = give.clone();
        async move {
            let reply = Fetched("x".repeat(usize::try_from(n).unwrap()));
            give.send(asker.reply(&reply).await).unwrap();
        }
    });
    introduced(&a, &b).await;
    // A reply is 12 bytes of its own, 8 for the length of the text, and the text.
    let max = 16 << 20;
    let most = max as u64 - 20;
    assert!(soon(a.request(THERE, &Fetch(most), DEADLINE)).await.is_ok());
    assert_eq!(soon(got.recv()).await, Some(Ok(())));
    let reply = soon(a.request(THERE, &Fetch(most + 1), DEADLINE)).await;
    assert_eq!(reply, Err(RequestError::NoReply));
    let too_large = ReplyError::Refused(SendError::TooLarge { max });
    assert_eq!(soon(got.recv()).await, Some(Err(too_large)));

    let (large, reply) = (Large("x".repeat(max)), RequestError::TooLarge { max });
    b.on_request(|_: Large, asker: Asker<Large>| async move { drop(asker) });
    meet::<Number>(&a, &b).await;
    assert_eq!(soon(a.request(THERE, &large, DEADLINE)).await.unwrap_err(), reply);
    is_answered_with_nothing(&a).await;
}

/// The channel of [`Large`] goes on.
async fn is_answered_with_nothing(hub: &Hub) {
    let reply = soon(hub.request(THERE, &Large(String::new()), DEADLINE)).await;
    assert_eq!(reply.unwrap_err(), RequestError::NoReply);
}

#[derive(Debug, Serialize, Deserialize)]
struct Large(String);

impl Message for Large {
    const NAME: &'static str = "Large";
    const FINGERPRINT: u64 = 13;
}

impl Request for Large {
    type Reply = Unruly;
}

/// A value that cannot be encoded.
#[derive(Debug, Deserialize)]
struct Unruly(bool);

impl Serialize for Unruly {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        if self.0 {
            panic!("on purpose");
        }
        Err(S::Error::custom("will not"))
    }
}

impl Message for Unruly {
    const NAME: &'static str = "Unruly";
    const FINGERPRINT: u64 = 14;
}

#[tokio::test]
async fn a_reply_that_cannot_be_encoded_is_no_reply() {
    let (a, b) = pair();
    let (give, mut got) = mpsc::unbounded_channel();
    b.on_request(move |Large(text): Large, asker: Asker<Large>| {
        let give = give.clone();
        async move { give.send(asker.reply(&Unruly(text.is_empty())).await).unwrap() }
    });
    introduced(&a, &b).await;
    let reply = soon(a.request(THERE, &Large("fail".to_owned()), DEADLINE)).await;
    assert_eq!(reply.unwrap_err(), RequestError::NoReply);
    let failed = SendError::Encode { message: "will not".to_owned() };
    assert_eq!(soon(got.recv()).await, Some(Err(ReplyError::Refused(failed))));
    is_answered_with_nothing(&a).await;
}

/// What comes of a request that node 1 cannot decode.
#[tokio::test]
async fn a_request_whose_deserialize_panics_closes_its_type_and_no_other() {
    let (a, b) = pair();
    b.on_request(|_: Bomb, _: Asker<Bomb>| async {});
    serve(&b);
    introduced(&a, &b).await;
    let reply = soon(a.request(THERE, &Bomb(1), DEADLINE)).await;
    assert_eq!(reply, Err(RequestError::Closed { reason: CloseReason::Panicked }));
    let not_open = soon(a.request(THERE, &Bomb(1), DEADLINE)).await;
    assert_eq!(not_open, Err(NOT_OPEN));
    is_answered(&a, 1).await;
}

#[derive(Debug, Serialize)]
struct Bomb(u8);

impl<'de> Deserialize<'de> for Bomb {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("a bomb");
    }
}

impl Message for Bomb {
    const NAME: &'static str = "Bomb";
    const FINGERPRINT: u64 = 15;
}

impl Request for Bomb {
    type Reply = Number;
}

#[tokio::test]
async fn two_nodes_that_ask_each_other_far_more_than_the_windows_hold_are_all_answered() {
    const EACH: usize = 3000;
    let (a, b) = pair();
    let echo = |Echo(text): Echo, asker: Asker<Echo>| async move {
        asker.reply(&Echo(text)).await.unwrap();
    };
    a.on_request(echo);
    b.on_request(echo);
    introduced(&a, &b).await;
    let asking: Vec<_> = (0..2 * EACH)
        .map(|n| {
            let (hub, other) = if n < EACH { (a.clone(), THERE) } else { (b.clone(), NodeId(0)) };
            tokio::spawn(async move {
                let echo = Echo(n.to_string().repeat(1000));
                assert_eq!(hub.request(other, &echo, DEADLINE).await, Ok(echo));
            })
        })
        .collect();
    for asking in asking {
        soon(asking).await.unwrap();
    }
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Echo(String);

impl Message for Echo {
    const NAME: &'static str = "Echo";
    const FINGERPRINT: u64 = 16;
}

impl Request for Echo {
    type Reply = Echo;
}

#[tokio::test]
async fn a_handler_may_ask_back_whoever_asked() {
    let (a, b) = pair();
    for (hub, other) in [(&a, THERE), (&b, NodeId(0))] {
        let asking = hub.clone();
        hub.on_request(move |Fetch(n): Fetch, asker: Asker<Fetch>| {
            let asking = asking.clone();
            async move {
                let Some(next) = n.checked_sub(1) else {
                    return asker.reply(&Fetched(String::new())).await.unwrap();
                };
                let Fetched(text) = asking.request(other, &Fetch(next), DEADLINE).await.unwrap();
                asker.reply(&Fetched(format!("{text}.{n}"))).await.unwrap();
            }
        });
    }
    introduced(&a, &b).await;
    let reply = soon(a.request(THERE, &Fetch(5), DEADLINE)).await;
    assert_eq!(reply, Ok(Fetched(".1.2.3.4.5".to_owned())));
}

/// Another generation's `Fetch`, which is answered with another type.
#[derive(Debug, Serialize, Deserialize)]
struct OtherFetch(u64);

impl Message for OtherFetch {
    const NAME: &'static str = "Fetch";
    const FINGERPRINT: u64 = 11;
}

impl Request for OtherFetch {
    type Reply = Number;
}

#[test]
fn generations_that_differ_in_the_reply_alone_do_not_open_and_say_why() {
    let log = log::Log::default();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    tracing::subscriber::with_default(log.clone(), || {
        runtime.block_on(async {
            let (a, b) = pair();
            a.on_request(|_: OtherFetch, _: Asker<OtherFetch>| async {});
            serve(&b);
            introduced(&a, &b).await;
            let reply = soon(a.request(THERE, &OtherFetch(1), DEADLINE)).await;
            assert_eq!(reply, Err(NOT_OPEN));
        });
    });
    assert_eq!(log.lines_with("its message request Fetch").len(), 2);
}

#[tokio::test]
async fn a_node_that_leaves_takes_no_more_and_waits_for_what_it_took() {
    let (a, b, mut requests) = joined().await;
    let asking = asking(&a, 1);
    let (fetch, asker) = soon(requests.recv()).await.unwrap();
    let mut leaving = Box::pin(b.finish_requests());
    assert!(futures_poll(&mut leaving).await.is_none());
    assert_eq!(soon(a.request(THERE, &Fetch(2), DEADLINE)).await, Err(NOT_OPEN));
    assert!(futures_poll(&mut leaving).await.is_none());
    asker.reply(&fetched(fetch)).await.unwrap();
    soon(leaving).await;
    assert_eq!(soon(asking).await.unwrap(), Ok(fetched(Fetch(1))));
    soon(b.finish_requests()).await;
}

#[tokio::test]
#[should_panic = "`on_request` was called before for the message type Fetch"]
async fn a_second_handler_for_a_request_type_is_an_error() {
    let hub = hub(0);
    serve(&hub);
    serve(&hub);
}

#[tokio::test]
#[should_panic = "another request type has the name Fetch"]
async fn a_handler_for_another_request_type_of_the_same_name_is_an_error() {
    let hub = hub(0);
    serve(&hub);
    hub.on_request(|_: OtherFetch, _: Asker<OtherFetch>| async {});
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
