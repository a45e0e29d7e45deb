//! The same of descriptors: announced or not, too many or never sent, the node goes on.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering::Release;

use super::super::fds::{said, saying};
use super::*;
use crate::link::error::FdsLost;
use crate::link::hello::Fds;
use crate::sys::packet;

impl Stranger {
    /// Sends bytes with fds.
    fn passes(&mut self, bytes: &[u8], fds: &[OwnedFd]) {
        let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        packet::send(self.0.as_fd(), bytes, &fds).unwrap();
    }

    /// Announces so many, and sends those.
    fn announces(&mut self, count: u8, fds: &[OwnedFd]) {
        self.passes(&framed(Kind::Fds, &Fds { count, come: true }), fds);
    }
}

fn framed<T: Serialize>(kind: Kind, payload: &T) -> Vec<u8> {
    let payload = encoded(payload);
    [&frame::header(payload.len() as u32, 0, kind)[..], &payload].concat()
}

fn some(count: usize) -> Vec<OwnedFd> {
    (0..count).map(|n| saying(&n.to_string())).collect()
}

/// What a node that is told this does: it hears `good`, then closes the link.
fn is_cut_off_by(says: impl FnOnce(&mut Stranger)) {
    let (node, mut peers) = node();
    let mut stranger = Stranger::polite(&node.hub);
    let mut peer = next(&node.runtime, peers.recv()).unwrap();
    stranger.frame(Kind::Data, 0, &text("good"));
    says(&mut stranger);
    assert_eq!(next(&node.runtime, peer.recv()), Some(text("good")));
    stranger.is_cut_off();
    assert_eq!(next(&node.runtime, peer.recv()), None);
    assert_eq!(peer.close_reason(), Some(CloseReason::Ended));
}

#[test]
fn a_message_whose_descriptors_were_never_sent_ends_the_link() {
    is_cut_off_by(|stranger| stranger.frame(Kind::DataWithFds, 0, &text("with what?")));
    is_cut_off_by(|stranger| stranger.frame(Kind::Fds, 0, &Fds { count: 1, come: true }));
    is_cut_off_by(|stranger| {
        stranger.announces(1, &some(1));
        stranger.frame(Kind::DataWithFds, 9, &text("a channel that is not open"));
    });
}

#[test]
fn more_descriptors_than_announced_or_allowed_end_the_link() {
    is_cut_off_by(|stranger| stranger.announces(2, &some(3)));
    is_cut_off_by(|stranger| stranger.announces(17, &some(17)));
    is_cut_off_by(|stranger| {
        (0..5).for_each(|_| stranger.announces(1, &some(1)));
    });
}

#[test]
fn descriptors_that_nobody_announced_end_the_link_when_they_are_many() {
    is_cut_off_by(|stranger| {
        for _ in 0..5 {
            stranger.passes(&framed(Kind::Starved, &()), &some(1));
        }
    });
}

#[test]
fn more_descriptors_than_the_window_close_the_channel() {
    let (node, mut peers) = node();
    let mut stranger = Stranger::polite(&node.hub);
    let peer = next(&node.runtime, peers.recv()).unwrap();
    for _ in 0..5 {
        stranger.announces(16, &some(16));
        stranger.frame(Kind::DataWithFds, 0, &text(""));
    }
    assert_eq!(codec::decode(&stranger.hears(Kind::Close)), Ok(Close::Malformed));
    assert_eq!(peer.close_reason(), Some(CloseReason::Malformed));
}

#[test]
fn what_could_not_be_passed_is_missing_where_it_belongs() {
    let (node, mut peers) = node();
    let mut stranger = Stranger::polite(&node.hub);
    let mut peer = next(&node.runtime, peers.recv()).unwrap();
    // Refused by the sender's kernel; fewer than announced, as when there is no room here; whole.
    stranger.frame(Kind::Fds, 0, &Fds { count: 2, come: false });
    stranger.frame(Kind::DataWithFds, 0, &text("refused"));
    stranger.announces(2, &some(1));
    stranger.frame(Kind::DataWithFds, 0, &text("fewer"));
    stranger.announces(2, &some(2));
    stranger.frame(Kind::DataWithFds, 0, &text("whole"));
    for expected in ["refused", "fewer"] {
        let (message, fds) = next(&node.runtime, peer.recv_with_fds()).unwrap();
        assert_eq!(message, text(expected));
        assert!(matches!(fds, Err(FdsLost { sent: 2 })), "{expected}: {fds:?}");
    }
    let (message, fds) = next(&node.runtime, peer.recv_with_fds()).unwrap();
    let said: Vec<String> = fds.unwrap().into_iter().map(said).collect();
    assert_eq!((message, said), (text("whole"), vec!["0".to_owned(), "1".to_owned()]));
}

#[test]
fn a_message_in_a_ring_has_the_descriptors_that_came_through_the_socket_or_ends_the_link() {
    let (node, mut peers) = node();
    let mut stranger = Stranger::polite(&node.hub);
    let mut peer = next(&node.runtime, peers.recv()).unwrap();
    let (memory, bell) = stranger.enters_a_ring();
    let frame = framed(Kind::DataWithFds, &text("through the ring"));
    stranger.announces(1, &some(1));
    memory.put(0, &frame);
    memory.word(1).store(frame.len() as u64, Release);
    bell.ring();
    let (message, fds) = next(&node.runtime, peer.recv_with_fds()).unwrap();
    assert_eq!((message, fds.unwrap().len()), (text("through the ring"), 1));
    memory.put(frame.len() as u64, &frame);
    memory.word(1).store(2 * frame.len() as u64, Release);
    bell.ring();
    stranger.is_cut_off();
    assert!(next(&node.runtime, peer.recv_with_fds()).is_none());
}
