//! Requests and replies: in any order, both ways, thousands at once.

mod giving_up;
mod hostile;
mod refused;

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

/// Wakes the thread that waits.
struct Unpark(std::thread::Thread);

impl std::task::Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn whoever_asks_need_not_be_on_a_runtime() {
    let (a, b) = (Mortal::new(0), Mortal::new(1));
    let _never_answered = asked(&b.hub);
    join((&a.hub, 0), (&b.hub, 1), LinkKind::Messages);
    a.runtime.block_on(introduced(&a.hub, &b.hub));
    let after = Duration::from_millis(1);
    let mut asking = std::pin::pin!(a.hub.request(THERE, &Fetch(1), after));
    let waker = std::task::Waker::from(Arc::new(Unpark(std::thread::current())));
    let reply = loop {
        match asking.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
            std::task::Poll::Ready(reply) => break reply,
            std::task::Poll::Pending => std::thread::park_timeout(DEADLINE),
        }
    };
    assert_eq!(reply, Err(RequestError::TimedOut { after }));
}
