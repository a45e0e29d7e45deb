//! Any bytes at all may come: a channel may close, a link may end, the node goes on.

mod fds;
mod noise;
mod rings;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::link::codec;
use crate::link::error::{CloseReason, SendError};
use crate::link::frame::{self, HEADER, Kind};
use crate::link::hello::{Close, Credit, Hello, Offer, PROTOCOL};

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
        stranger.ask_for_text();
        stranger
    }

    fn ask_for_text(&mut self) {
        let name = "Text".to_owned();
        self.frame(Kind::Open, 7, &Offer { name, fingerprint: 1, window: 1024, max_frame: 1024 });
    }

    pub(super) fn frame<T: Serialize>(&mut self, kind: Kind, channel: u16, payload: &T) {
        self.try_frame(kind, channel, payload).unwrap();
    }

    /// As `frame`, of one that may have been cut off.
    fn try_frame<T: Serialize>(
        &mut self,
        kind: Kind,
        channel: u16,
        payload: &T,
    ) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        frame::append(&mut bytes, channel, kind, |buffer| {
            codec::encode_into(buffer, payload, 1 << 30)
        })
        .unwrap();
        self.0.write_all(&bytes)
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
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

#[tokio::test]
async fn what_was_sent_arrives_though_the_other_side_went_before_its_channel_opened_here() {
    let hub = hub(0);
    let mut texts = peers::<Text>(&hub, ChannelConfig::new());
    let mut stranger = Stranger::new(&hub);
    stranger.frame(Kind::Hello, 0, &Hello { protocol: PROTOCOL, node: 1 });
    let_others_run(100).await;
    stranger.ask_for_text();
    stranger.frame(Kind::Data, 0, &text("last words"));
    drop(stranger);
    // There is nobody to write that to, and that is found out before anything more is read.
    let _numbers = peers::<Number>(&hub, ChannelConfig::new());
    let mut peer = soon(texts.recv()).await.unwrap();
    assert_eq!(soon(peer.recv()).await, Some(text("last words")));
    assert_eq!(soon(peer.recv()).await, None);
    let closed = SendError::Closed { reason: CloseReason::Ended };
    assert_eq!(soon(peer.send(&text("?"))).await, Err(closed));
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
    let framed = (0..13u8, 0..3u16, payload, prop_oneof![8 => Just(0u8), 1 => any::<u8>()]);
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
    #![proptest_config(crate::tests::cases(200))]

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
}
