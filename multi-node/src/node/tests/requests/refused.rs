//! Requests without a reply: too large, not to be encoded, let go, not taken at all.

use serde::ser::{Error as _, Serializer};

use super::super::sending::futures_poll;
use super::*;

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
async fn the_nodes_that_take_requests_are_those_that_have_a_handler_and_live() {
    let (a, mortal, c) = (hub(0), Mortal::new(1), hub(2));
    serve(&mortal.hub);
    for (other, id) in [(&mortal.hub, 1), (&c, 2)] {
        join((&a, 0), (other, id), LinkKind::Messages);
    }
    assert_eq!(a.askable::<Fetch>(), []);
    meet::<Text>(&a, &mortal.hub).await;
    until(|| a.askable::<Fetch>() == [THERE]).await;
    // A node that only asks takes none.
    let other = RequestError::NotOpen { node: NodeId(0) };
    assert_eq!(soon(c.request(NodeId(0), &Fetch(1), DEADLINE)).await, Err(other));
    serve(&c);
    until(|| a.askable::<Fetch>() == [THERE, NodeId(2)]).await;
    mortal.die();
    until(|| a.askable::<Fetch>() == [NodeId(2)]).await;
    assert_eq!(c.askable::<Fetch>(), []);
}

/// Lets others run until that is so.
async fn until(so: impl Fn() -> bool) {
    soon(async {
        while !so() {
            tokio::task::yield_now().await;
        }
    })
    .await;
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
