//! The same of rings: whatever the other side offers or writes, the node goes on.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::Instant;

use super::*;
use crate::link::hello::{Ring, RingTaken};
use crate::sys::bell::Bell;
use crate::sys::packet;
use crate::sys::poll;
use crate::sys::ring::RingMemory;

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
    pub(super) fn enters_a_ring(&mut self) -> (RingMemory, Bell) {
        let (memory, memfd) = RingMemory::create(4096).unwrap();
        let (data, room) = (Bell::new().unwrap(), Bell::new().unwrap());
        self.offers(4096, &[memfd.as_fd(), data.as_fd(), room.as_fd()]);
        assert_eq!(codec::decode(&self.hears(Kind::RingTaken)), Ok(RingTaken(true)));
        self.bytes(&frame::header(0, 0, Kind::Switch));
        (memory, data)
    }

    /// Takes the ring that the node offers; what it is read through, and its bells.
    fn takes_a_ring(&mut self) -> (RingMemory, Vec<OwnedFd>) {
        let mut bytes = Vec::with_capacity(4096);
        let mut fds = loop {
            assert!(poll::readable([self.0.as_fd()], Some(DEADLINE)).unwrap()[0]);
            let (length, fds) = packet::read(self.0.as_fd(), &mut bytes).unwrap();
            assert!(length > 0);
            if let Some(fds) = fds {
                break fds;
            }
        };
        let offer = codec::decode::<Ring>(&bytes[bytes.len() - 8..]).unwrap();
        self.frame(Kind::RingTaken, 0, &RingTaken(true));
        let bells = fds.split_off(1);
        (RingMemory::open(&fds[0], usize::try_from(offer.0).unwrap()).unwrap(), bells)
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
fn a_frame_may_cross_the_end_of_a_ring_at_any_of_its_bytes() {
    let (node, mut peers) = node();
    let mut stranger = Stranger::polite(&node.hub);
    let mut peer = next(&node.runtime, peers.recv()).unwrap();
    let (memory, bell) = stranger.enters_a_ring();
    let said = "x".repeat(41);
    let payload = encoded(&text(&said));
    let bytes = [&frame::header(payload.len() as u32, 0, Kind::Data)[..], &payload].concat();
    // Their length and the ring's have no common factor, so each lap ends elsewhere.
    assert_eq!((bytes.len() % 2, memory.size()), (1, 4096));
    for n in 0..memory.size() as u64 {
        let at = n * bytes.len() as u64;
        memory.put(at, &bytes);
        memory.word(1).store(at + bytes.len() as u64, Release);
        bell.ring();
        assert_eq!(next(&node.runtime, peer.recv()), Some(text(&said)), "{n}");
    }
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

proptest! {
    #![proptest_config(crate::tests::cases(200))]

    #[test]
    fn no_bytes_through_a_ring_hurt_the_node(
        bytes in nearly_frames(),
        // Into which word, what; and bytes that change where they may be being read.
        wild in vec((0..4usize, position(), any::<[u8; 16]>()), 0..6),
    ) {
        let (node, mut peers) = node();
        let mut stranger = Stranger::polite(&node.hub);
        let _peer = next(&node.runtime, peers.recv()).unwrap();
        let (memory, bell) = stranger.enters_a_ring();
        let fitting = bytes.len().min(memory.size());
        memory.put(0, &bytes[..fitting]);
        memory.word(1).store(fitting as u64, Release);
        bell.ring();
        for (word, value, bytes) in wild {
            memory.put(value, &bytes);
            memory.word(word).store(value, Release);
            bell.ring();
        }
        drop(stranger);
        let _again = Stranger::polite(&node.hub);
        assert_eq!(next(&node.runtime, peers.recv()).unwrap().id(), NodeId(1));
    }

    #[test]
    fn no_bytes_published_by_who_reads_a_ring_hurt_the_node_that_writes_it(
        words in vec((0..4usize, position()), 0..12),
    ) {
        let node = Mortal::new(0);
        let messaging = Messaging { ring: RingUse::On, ..Messaging::default() };
        let hub = hub_with(0, messaging, node.runtime.handle().clone());
        let mut peers = peers(&hub, ChannelConfig::new());
        let mut stranger = Stranger::polite(&hub);
        let peer: Peer<Text> = next(&node.runtime, peers.recv()).unwrap();
        let (memory, _bells) = stranger.takes_a_ring();
        let credit = Credit(1024);
        for (word, value) in words {
            memory.word(word).store(value, Release);
            // It fails once the link has been cut, or when nothing is taken from the window.
            let _ = peer.try_send(&text("through the ring"));
            if stranger.try_frame(Kind::Credit, 0, &credit).is_err() {
                break;
            }
        }
        drop(stranger);
        let mut again = Stranger::polite(&hub);
        let peer = next(&node.runtime, peers.recv()).unwrap();
        peer.try_send(&text("still there")).unwrap();
        assert_eq!(codec::decode(&again.hears(Kind::Data)), Ok(text("still there")));
    }
}

/// One that may be, or any at all.
fn position() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 0..5000u64, 1 => any::<u64>()]
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
    #![proptest_config(crate::tests::cases(200))]

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
