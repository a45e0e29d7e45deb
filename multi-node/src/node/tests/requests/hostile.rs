//! The other side says what it likes about requests: the channel may close, the node goes on.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::hostile::{Stranger, next};
use super::super::sending::futures_poll;
use super::*;
use crate::link::codec;
use crate::link::fingerprint::fold;
use crate::link::frame::{HEADER, Kind};
use crate::link::hello::{Close, Credit, Hello, Offer, PROTOCOL};

// What is said, as it is encoded: which word, the request's name, and what comes with it.
const ASK: u32 = 0;
const GIVE_UP: u32 = 1;
const REPLY: u32 = 2;
const NOTHING: u32 = 3;
const NOT_SERVED: u32 = 4;
const SERVES: u32 = 5;

/// Node 1 of `hub`, that has `Fetch` as its channel 7 and takes so many bytes at once.
fn stranger(hub: &Hub, window: u64) -> Stranger {
    let mut stranger = Stranger::new(hub);
    stranger.frame(Kind::Hello, 0, &Hello { protocol: PROTOCOL, node: 1 });
    let (name, fingerprint) = ("request Fetch".to_owned(), fold(fold(1, 11), 12));
    stranger.frame(Kind::Open, 7, &Offer { name, fingerprint, window, max_frame: 1024 });
    stranger
}

/// A node that hands what it is asked to the test, and the other side of its link.
fn node(window: u64) -> (Mortal, Requests, Stranger) {
    let node = Mortal::new(0);
    let (requests, stranger) = (asked(&node.hub), stranger(&node.hub, window));
    (node, requests, stranger)
}

fn says<T: Serialize>(stranger: &mut Stranger, word: &T) {
    stranger.frame(Kind::Data, 0, word);
}

/// What the node says next, after that it has a handler.
fn hears<T: serde::de::DeserializeOwned>(stranger: &mut Stranger) -> T {
    loop {
        let word = stranger.hears(Kind::Data);
        if codec::decode(&word) != Ok(SERVES) {
            return codec::decode(&word).unwrap();
        }
    }
}

#[test]
fn a_place_that_is_taken_or_that_there_is_not_closes_the_channel() {
    let places: [&[u64]; 2] = [&[7, 7 | 1 << 16], &[AT_ONCE as u64]];
    for asked in places {
        let (node, mut requests, mut stranger) = node(1024);
        for id in asked {
            says(&mut stranger, &(ASK, *id, Fetch(1)));
        }
        assert_eq!(codec::decode(&stranger.hears(Kind::Close)), Ok(Close::Malformed));
        for _ in 1..asked.len() {
            let (_, mut asker) = next(&node.runtime, requests.recv()).unwrap();
            next(&node.runtime, asker.given_up());
        }
        assert!(requests.try_recv().is_err());
    }
}

#[test]
fn answers_that_nobody_asked_for_and_giving_up_what_was_never_asked_are_nothing() {
    let (node, mut requests, mut stranger) = node(1024);
    for id in [0, 5, AT_ONCE as u64, u64::MAX] {
        says(&mut stranger, &(REPLY, id, Fetched("?".to_owned())));
        says(&mut stranger, &(NOTHING, id));
        says(&mut stranger, &(NOT_SERVED, id));
        says(&mut stranger, &(GIVE_UP, id));
    }
    says(&mut stranger, &(ASK, 0u64, Fetch(3)));
    let (fetch, asker) = next(&node.runtime, requests.recv()).unwrap();
    next(&node.runtime, asker.reply(&fetched(fetch))).unwrap();
    assert_eq!(hears::<(u32, u64, Fetched)>(&mut stranger), (REPLY, 0, fetched(Fetch(3))));

    let hub = node.hub.clone();
    let asking = node.runtime.spawn(async move { hub.request(THERE, &Fetch(4), DEADLINE).await });
    let (word, id, fetch): (u32, u64, Fetch) = hears(&mut stranger);
    assert_eq!((word, fetch), (ASK, Fetch(4)));
    // The same place under another name is not meant.
    says(&mut stranger, &(REPLY, id + (1 << 16), Fetched("?".to_owned())));
    says(&mut stranger, &(REPLY, id, fetched(Fetch(4))));
    assert_eq!(next(&node.runtime, asking).unwrap(), Ok(fetched(Fetch(4))));
}

#[test]
fn a_reply_that_is_given_up_while_it_waits_for_room_is_none_and_the_other_side_is_told() {
    // A reply of 4 bytes takes the whole window; before it, the node says that it has a handler.
    let (node, mut requests, mut stranger) = node(HEADER as u64 + 12 + 8 + 4);
    assert_eq!(codec::decode(&stranger.hears(Kind::Data)), Ok(SERVES));
    stranger.frame(Kind::Credit, 0, &Credit(HEADER as u64 + 4));
    says(&mut stranger, &(ASK, 0u64, Fetch(1000)));
    let (fetch, first) = next(&node.runtime, requests.recv()).unwrap();
    next(&node.runtime, first.reply(&fetched(fetch))).unwrap();
    says(&mut stranger, &(ASK, 1u64, Fetch(2000)));
    let (fetch, second) = next(&node.runtime, requests.recv()).unwrap();
    let reply = fetched(fetch);
    let mut waiting = Box::pin(second.reply(&reply));
    assert!(next(&node.runtime, futures_poll(&mut waiting)).is_none());
    drop(waiting);
    assert_eq!(hears::<(u32, u64, Fetched)>(&mut stranger), (REPLY, 0, fetched(Fetch(1000))));
    stranger.frame(Kind::Credit, 0, &Credit((HEADER + 12 + 8 + 4) as u64));
    assert_eq!(hears::<(u32, u64)>(&mut stranger), (NOTHING, 1));
}

#[test]
fn giving_up_is_told_even_when_there_was_no_room_for_it() {
    // A request takes the whole window; before it, the node says that it has a handler.
    let (node, _requests, mut stranger) = node(HEADER as u64 + 12 + 8);
    assert_eq!(codec::decode(&stranger.hears(Kind::Data)), Ok(SERVES));
    stranger.frame(Kind::Credit, 0, &Credit(HEADER as u64 + 4));
    let meeting = node.hub.clone();
    next(&node.runtime, async move {
        let after = Duration::from_millis(1);
        while meeting.request(THERE, &Fetch(1), after).await == Err(NOT_OPEN) {
            tokio::task::yield_now().await;
        }
    });
    let (word, id, _): (u32, u64, Fetch) = hears(&mut stranger);
    assert_eq!(word, ASK);
    stranger.frame(Kind::Credit, 0, &Credit((HEADER + 12 + 8) as u64));
    assert_eq!(hears::<(u32, u64)>(&mut stranger), (GIVE_UP, id));
}

/// What might come on a channel of requests.
fn nearly_words() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let at_once = AT_ONCE as u64;
    let id = prop_oneof![0..3u64, at_once - 1..at_once + 2, any::<u64>()];
    let word = (0..8u32, id, vec(any::<u8>(), 0..20)).prop_map(|(word, id, rest)| {
        let mut bytes = Vec::new();
        codec::encode_into(&mut bytes, &(word, id), 64).unwrap();
        bytes.extend(rest);
        bytes
    });
    vec(prop_oneof![4 => word, 1 => vec(any::<u8>(), 0..30)], 0..20)
}

proptest! {
    #![proptest_config(crate::tests::cases(100))]

    #[test]
    fn no_bytes_on_a_channel_of_requests_hurt_the_node(words in nearly_words()) {
        let node = Mortal::new(0);
        node.hub.on_request(|fetch: Fetch, asker: Asker<Fetch>| async move {
            // What was asked may have been given up.
            let _ = asker.reply(&fetched(fetch)).await;
        });
        let mut stranger = stranger(&node.hub, 1024);
        let hub = node.hub.clone();
        let asking =
            node.runtime.spawn(async move { hub.request(THERE, &Fetch(4), DEADLINE).await });
        for word in words {
            let mut bytes = crate::link::frame::header(word.len() as u32, 0, Kind::Data).to_vec();
            bytes.extend(word);
            stranger.bytes(&bytes);
        }
        drop(stranger);
        // It is answered, closed, or was never asked.
        let _ = next(&node.runtime, asking).unwrap();
        next(&node.runtime, async {
            let other = hub_on(2, Handle::current());
            serve(&other);
            join((&node.hub, 0), (&other, 2), LinkKind::Messages);
            loop {
                match other.request(NodeId(0), &Fetch(5), DEADLINE).await {
                    Err(RequestError::NotOpen { .. }) => tokio::task::yield_now().await,
                    answered => break assert_eq!(answered, Ok(fetched(Fetch(5)))),
                }
            }
        });
    }
}
