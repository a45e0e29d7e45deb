//! Any bytes at all may come: a channel may close, a link may end, the node goes on.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::Instant;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::link::codec;
use crate::link::error::{CloseReason, SendError};
use crate::link::frame::{self, HEADER, Kind};
use crate::link::hello::{Close, Credit, Hello, Offer, PROTOCOL, Ring, RingTaken};
use crate::sys::bell::Bell;
use crate::sys::packet;
use crate::sys::ring::RingMemory;

/// The other end of a link, whose every byte is up to the test.
pub(super) struct Stranger(UnixStream);

impl Stranger {
    /// Node 1 of `hub`.
    pub(super) fn new(hub: &Hub) -> Self {
        let (ours, theirs) = stream_pair().unwrap();
        hub.link(NodeId(1), LinkKind::Messages, ours);
        let socket = UnixStream::from(theirs);
        socket.set_nonblocking(false).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Stranger(socket)
    }

    /// One that has said hello and asked for `Text`, as its channel 7.
    fn polite(hub: &Hub) -> Self {
        let mut stranger = Stranger::new(hub);
        stranger.frame(Kind::Hello, 0, &Hello { protocol: PROTOCOL, node: 1 });
        let offer =
            Offer { name: "Text".to_owned(), fingerprint: 1, window: 1024, max_frame: 1024 };
        stranger.frame(Kind::Open, 7, &offer);
        stranger
    }

    pub(super) fn frame<T: Serialize>(&mut self, kind: Kind, channel: u16, payload: &T) {
        let mut bytes = Vec::new();
        frame::append(&mut bytes, channel, kind, |buffer| {
            codec::encode_into(buffer, payload, 1 << 30)
        })
        .unwrap();
        self.bytes(&bytes);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Blocks until the node says something of this kind; its payload.
    pub(super) fn hears(&mut self, wanted: Kind) -> Vec<u8> {
        loop {
            let mut header = [0; HEADER];
            self.0.read_exact(&mut header).unwrap();
            let len = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
            let mut payload = vec![0; len as usize];
            self.0.read_exact(&mut payload).unwrap();
            if header[6] == wanted as u8 {
                return payload;
            }
        }
    }

    /// Blocks until the node closes the link.
    fn is_cut_off(&mut self) {
        let mut rest = Vec::new();
        if let Err(error) = self.0.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
    }
}

/// A node whose runtime has a thread of its own, so that the test may block, and its peers.
fn node() -> (Mortal, mpsc::UnboundedReceiver<Peer<Text>>) {
    let mortal = Mortal::new(0);
    let peers = peers(&mortal.hub, ChannelConfig::new().window(1024).max_frame(512));
    (mortal, peers)
}

pub(super) fn next<T>(runtime: &Runtime, future: impl Future<Output = T>) -> T {
    runtime.block_on(soon(future))
}

#[test]
fn bytes_that_are_no_message_close_the_channel_and_not_the_link() {
    let (node, mut peers) = node();
    let mut stranger = Stranger::polite(&node.hub);
    let mut peer = next(&node.runtime, peers.recv()).unwrap();
    stranger.frame(Kind::Data, 0, &text("good"));
    stranger.bytes(&frame::header(3, 0, Kind::Data));
    stranger.bytes(b"bad");
    assert_eq!(next(&node.runtime, peer.recv()), Some(text("good")));
    assert_eq!(next(&node.runtime, peer.recv()), None);
    assert_eq!(peer.close_reason(), Some(CloseReason::Malformed));
    let closed = SendError::Closed { reason: CloseReason::Malformed };
    assert_eq!(next(&node.runtime, peer.send(&text("?"))), Err(closed));
    assert_eq!(codec::decode(&stranger.hears(Kind::Close)), Ok(Close::Malformed));

    let _numbers = super::peers::<Number>(&node.hub, ChannelConfig::new());
    let offer: Offer = codec::decode(&stranger.hears(Kind::Open)).unwrap();
    assert_eq!(offer.name, "Number");
}

#[test]
fn bytes_left_over_after_a_message_close_the_channel() {
    let (node, mut peers) = node();
    let mut stranger = Stranger::polite(&node.hub);
    let mut peer = next(&node.runtime, peers.recv()).unwrap();
    stranger.frame(Kind::Data, 0, &(text("good"), 0u8));
    assert_eq!(next(&node.runtime, peer.recv()), None);
    assert_eq!(peer.close_reason(), Some(CloseReason::Malformed));
}

#[test]
fn more_than_the_window_closes_the_channel() {
    let (node, mut peers) = node();
    let mut stranger = Stranger::polite(&node.hub);
    let peer = next(&node.runtime, peers.recv()).unwrap();
    for _ in 0..20 {
        stranger.frame(Kind::Data, 0, &Text("x".repeat(100)));
    }
    assert_eq!(codec::decode(&stranger.hears(Kind::Close)), Ok(Close::Malformed));
    assert_eq!(peer.close_reason(), Some(CloseReason::Malformed));
}

#[test]
fn credit_that_nobody_earned_opens_no_more_than_the_window() {
    let (node, mut peers) = node();
    let mut stranger = Stranger::polite(&node.hub);
    let peer = next(&node.runtime, peers.recv()).unwrap();
    peer.try_send(&text("one")).unwrap();
    stranger.frame(Kind::Credit, 0, &Credit(u64::MAX));
    stranger.frame(Kind::Credit, 0, &Credit(u64::MAX));
    stranger.frame(Kind::Data, 0, &text("after"));
    let mut peer = peer;
    assert_eq!(next(&node.runtime, peer.recv()), Some(text("after")));
    let sent = (0..).take_while(|_| peer.try_send(&text("12345678")).is_ok()).count();
    assert_eq!(sent, 1024 / (HEADER + 8 + 8));
}

#[test]
fn what_is_no_frame_ends_the_link_and_not_the_node() {
    let unknown_kind = [0, 0, 0, 0, 0, 0, 77, 0];
    let reserved = [0, 0, 0, 0, 0, 0, 3, 1];
    let cases: [(&str, Vec<u8>); 6] = [
        ("an unknown kind", unknown_kind.to_vec()),
        ("a reserved byte", reserved.to_vec()),
        ("a message over the cap", frame::header(513, 0, Kind::Data).to_vec()),
        ("a channel that is not open", frame::header(0, 9, Kind::Data).to_vec()),
        ("a control frame over the cap", frame::header(u32::MAX, 0, Kind::Open).to_vec()),
        ("a second hello", frame::header(0, 0, Kind::Hello).to_vec()),
    ];
    for (name, bytes) in cases {
        let (node, mut peers) = node();
        let mut stranger = Stranger::polite(&node.hub);
        let mut peer = next(&node.runtime, peers.recv()).unwrap();
        stranger.frame(Kind::Data, 0, &text("good"));
        stranger.bytes(&bytes);
        stranger.is_cut_off();
        assert_eq!(next(&node.runtime, peer.recv()), Some(text("good")), "{name}");
        assert_eq!(next(&node.runtime, peer.recv()), None, "{name}");
        assert_eq!(peer.close_reason(), Some(CloseReason::Ended), "{name}");
        let _again = Stranger::polite(&node.hub);
        assert_eq!(next(&node.runtime, peers.recv()).unwrap().id(), NodeId(1), "{name}");
    }
}

#[test]
fn a_stranger_who_is_not_the_node_it_should_be_is_cut_off() {
    for hello in [Hello { protocol: PROTOCOL, node: 2 }, Hello { protocol: PROTOCOL + 1, node: 1 }]
    {
        let (node, _peers) = node();
        let mut stranger = Stranger::new(&node.hub);
        stranger.frame(Kind::Hello, 0, &hello);
        stranger.is_cut_off();
    }
}

impl Stranger {
    /// Offers a ring of `size` bytes over this memory, with these fds.
    fn offers(&mut self, size: u64, fds: &[BorrowedFd<'_>]) {
        let mut offer = Vec::new();
        frame::append(&mut offer, 0, Kind::Ring, |buffer| {
            codec::encode_into(buffer, &Ring(size), 1024)
        })
        .unwrap();
        packet::send(self.0.as_fd(), &offer, fds).unwrap();
    }

    /// Offers a ring that the node takes; what it is written through, and its bell.
    fn enters_a_ring(&mut self) -> (RingMemory, Bell) {
        let (memory, memfd) = RingMemory::create(4096).unwrap();
        let (data, room) = (Bell::new().unwrap(), Bell::new().unwrap());
        self.offers(4096, &[memfd.as_fd(), data.as_fd(), room.as_fd()]);
        assert_eq!(codec::decode(&self.hears(Kind::RingTaken)), Ok(RingTaken(true)));
        self.bytes(&frame::header(0, 0, Kind::Switch));
        (memory, data)
    }
}

#[test]
fn what_is_said_through_a_ring_is_heard_until_a_position_cannot_be() {
    let (node, mut peers) = node();
    let mut stranger = Stranger::polite(&node.hub);
    let mut peer = next(&node.runtime, peers.recv()).unwrap();
    stranger.frame(Kind::Data, 0, &text("through the socket"));
    let (memory, bell) = stranger.enters_a_ring();
    let payload = encoded(&text("through the ring"));
    memory.put(0, &frame::header(payload.len() as u32, 0, Kind::Data));
    memory.put(HEADER as u64, &payload);
    memory.word(1).store((HEADER + payload.len()) as u64, Release);
    bell.ring();
    assert_eq!(next(&node.runtime, peer.recv()), Some(text("through the socket")));
    assert_eq!(next(&node.runtime, peer.recv()), Some(text("through the ring")));
    memory.word(1).store(3, Release);
    bell.ring();
    stranger.is_cut_off();
    assert_eq!(next(&node.runtime, peer.recv()), None);
}

#[test]
fn who_says_something_through_the_socket_while_a_ring_is_used_is_cut_off() {
    let (node, mut peers) = node();
    let mut stranger = Stranger::polite(&node.hub);
    let mut peer = next(&node.runtime, peers.recv()).unwrap();
    let (memory, _bell) = stranger.enters_a_ring();
    let deadline = Instant::now() + DEADLINE;
    while memory.word(2).load(Relaxed) == 0 {
        assert!(Instant::now() < deadline, "it never sleeps at the ring");
    }
    stranger.frame(Kind::Data, 0, &text("the wrong way"));
    stranger.is_cut_off();
    assert_eq!(next(&node.runtime, peer.recv()), None);
}

#[test]
fn a_ring_that_cannot_be_read_is_refused_and_the_socket_goes_on() {
    let (node, mut peers) = node();
    let mut stranger = Stranger::polite(&node.hub);
    let mut peer = next(&node.runtime, peers.recv()).unwrap();
    let (_memory, memfd) = RingMemory::create(4096).unwrap();
    let bell = Bell::new().unwrap();
    let fds = [memfd.as_fd(), bell.as_fd(), bell.as_fd()];
    for (size, fds) in [(4096, &fds[..0]), (4096, &fds[..2]), (8192, &fds[..]), (1 << 60, &fds[..])]
    {
        stranger.offers(size, fds);
        assert_eq!(codec::decode(&stranger.hears(Kind::RingTaken)), Ok(RingTaken(false)));
    }
    stranger.frame(Kind::Data, 0, &text("still here"));
    assert_eq!(next(&node.runtime, peer.recv()), Some(text("still here")));
}

#[test]
fn what_is_said_of_rings_out_of_turn_ends_the_link() {
    let switch = frame::header(0, 0, Kind::Switch).to_vec();
    let taken = [&frame::header(1, 0, Kind::RingTaken)[..], &[1]].concat();
    for bytes in [switch, taken] {
        // A node that has offered no ring.
        let (mut node, _) = node();
        let off = Messaging { ring: RingUse::Off, ..Messaging::default() };
        node.hub = hub_with(0, off, node.runtime.handle().clone());
        let mut peers = peers(&node.hub, ChannelConfig::new().window(1024).max_frame(512));
        let mut stranger = Stranger::polite(&node.hub);
        let mut peer: Peer<Text> = next(&node.runtime, peers.recv()).unwrap();
        stranger.bytes(&bytes);
        stranger.is_cut_off();
        assert_eq!(next(&node.runtime, peer.recv()), None);
    }
}

/// Bytes as they might come: frames that are nearly right, and noise.
fn nearly_frames() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        vec(any::<u8>(), 0..40),
        "[a-z]{0,20}".prop_map(|said| encoded(&Text(said))),
        any::<u64>().prop_map(|bytes| encoded(&Credit(bytes))),
        (0..4u32).prop_map(|close| encoded(&close)),
        ("[a-zA-Z]{0,8}", 0..3u64).prop_map(|(name, fingerprint)| {
            encoded(&Offer { name, fingerprint, window: 10, max_frame: u64::MAX })
        }),
    ];
    let framed = (0..11u8, 0..3u16, payload, prop_oneof![8 => Just(0u8), 1 => any::<u8>()]);
    let frames = framed.prop_map(|(kind, channel, payload, off)| {
        let mut bytes = (payload.len() as u32 ^ u32::from(off / 64)).to_le_bytes().to_vec();
        bytes.extend(channel.to_le_bytes());
        bytes.extend([kind, off / 255]);
        bytes.extend(payload);
        bytes
    });
    vec(frames, 0..12).prop_map(|frames| frames.concat())
}

fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode_into(&mut bytes, value, usize::MAX / 2).unwrap();
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_on_a_live_link_hurt_the_node(bytes in nearly_frames()) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let hub = hub(0);
            hub.on_node(ChannelConfig::new().window(200).max_frame(64), |mut peer: Peer<Text>| async move {
                while let Some(Text(said)) = peer.recv().await {
                    assert!(said.len() <= 64);
                }
            });
            let mut stranger = Stranger::polite(&hub);
            stranger.bytes(&bytes);
            drop(stranger);
            // The same node still talks to the next that comes.
            let other = super::hub(2);
            let mut at_other = peers::<Text>(&other, ChannelConfig::new());
            join((&hub, 0), (&other, 2), LinkKind::Messages);
            let peer = soon(at_other.recv()).await.unwrap();
            soon(peer.send(&text("still there?"))).await.unwrap();
        });
    }

    #[test]
    fn no_bytes_through_a_ring_hurt_the_node(bytes in nearly_frames(), places in vec(0..5000u64, 0..4)) {
        let (node, mut peers) = node();
        let mut stranger = Stranger::polite(&node.hub);
        let _peer = next(&node.runtime, peers.recv()).unwrap();
        let (memory, bell) = stranger.enters_a_ring();
        let fitting = bytes.len().min(memory.size());
        memory.put(0, &bytes[..fitting]);
        for place in [fitting as u64].into_iter().chain(places) {
            memory.word(1).store(place, Release);
            bell.ring();
        }
        drop(stranger);
        let _again = Stranger::polite(&node.hub);
        assert_eq!(next(&node.runtime, peers.recv()).unwrap().id(), NodeId(1));
    }
}

/// Frames as they might come on the channel of topics.
fn nearly_topics() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let control = |payload: Vec<u8>| [vec![0], payload].concat();
    let subscribe = (0..4u64, any::<Option<u64>>(), 0..3u64, "[a-z]{0,2}");
    let frame = prop_oneof![
        vec(any::<u8>(), 0..20),
        (0..8u32, 0..4u64, any::<u64>())
            .prop_map(move |(kind, number, rest)| control(encoded(&(kind, number, rest)))),
        (2..4u32, any::<u64>()).prop_map(move |(kind, time)| control(encoded(&(kind, time)))),
        subscribe.prop_map(move |(number, window, fingerprint, topic)| {
            control(encoded(&(0u32, number, window, "Text", fingerprint, topic)))
        }),
        (0..3u8, 0..4u64, "[a-z]{0,20}").prop_map(|(kind, number, said)| {
            [vec![kind], number.to_le_bytes().to_vec(), encoded(&Text(said))].concat()
        }),
    ];
    vec(frame, 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_on_the_channel_of_topics_hurt_the_node(frames in nearly_topics()) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let hub = hub(0);
            let topic = hub.topic::<Text>("a").unwrap();
            let mut stranger = Stranger::polite(&hub);
            let (name, fingerprint) = ("multi-node/topics".to_owned(), 1);
            let offer = Offer { name, fingerprint, window: 1024, max_frame: 1024 };
            stranger.frame(Kind::Open, 8, &offer);
            let subscribing = tokio::spawn({
                let topic = topic.clone();
                async move { topic.subscribe().await }
            });
            for payload in frames {
                let mut bytes = frame::header(payload.len() as u32, 0, Kind::Data).to_vec();
                bytes.extend(payload);
                // The node may have ended the channel, not the link.
                stranger.bytes(&bytes);
                let_others_run(2).await;
                topic.try_publish(&text("said")).unwrap();
            }
            drop(stranger);
            // The same node still publishes to the next that comes.
            let other = super::hub(2);
            let other_topic = other.topic::<Text>("b").unwrap();
            join((&hub, 0), (&other, 2), LinkKind::Messages);
            let mut subscription = soon(other_topic.subscribe()).await;
            let topic = hub.topic::<Text>("b").unwrap();
            assert!(soon(topic.publish(&text("still there?"))).await.unwrap().reached().contains(&NodeId(2)));
            assert_eq!(soon(subscription.recv()).await.unwrap().unwrap().message, text("still there?"));
            soon(subscribing).await.unwrap();
        });
    }
}
