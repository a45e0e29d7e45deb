//! Hands fds to the nodes, never more at a time than the kernel lets be in flight: it counts
//! them against this user's limit until the receiver has taken them off its socket.

mod cross;

use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::{Deserialize, Serialize};

use super::listen::Places;
use crate::config::{NodeId, Slot};
use crate::event::MembershipEvent;
use crate::link::codec;
use crate::link::control::{LinkKind, MAX_DATAGRAM, MAX_FDS, MAX_MEMBERS, ToNode, Welcome};
use crate::policy::handout::Handout;
use crate::policy::membership;
use crate::report;
use crate::sys::packet;
use crate::sys::process;

pub(super) use cross::State;

/// Socket pairs that may wait to be handed out before no more are made.
pub(super) const LINKS_WAITING: usize = 64;

/// What is handed to one node in one datagram.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Parcel<S = OwnedFd> {
    Welcome(Box<Welcome>),
    /// The write ends of the inboxes that these slots have of a listener.
    Outboxes(u16, RangeInclusive<Slot>),
    /// The sockets that a sibling has of a listener.
    Lent(u16, Slot),
    Link {
        peer: NodeId,
        kind: LinkKind,
        socket: S,
    },
    /// It was given all links of this kind to those that asked before.
    Linked(LinkKind),
    /// Shared bytes, by their name.
    Shared(String, S),
    /// Who came and went.
    Members(Vec<MembershipEvent>),
}

/// The control sockets of all nodes, and what waits to be sent over them.
pub(super) struct Hands {
    controls: BTreeMap<NodeId, OwnedFd>,
    parcels: Handout<Parcel>,
    links_waiting: usize,
    /// What the kernel would not take yet: another program of this user has too much in flight.
    held_up: Option<(NodeId, Parcel)>,
}

impl Hands {
    pub(super) fn new() -> Hands {
        // Half: user code passes fds too, and so do the nodes among themselves.
        let window = u16::try_from(process::fd_limit() / 2).unwrap_or(u16::MAX).clamp(16, 512);
        Hands {
            controls: BTreeMap::new(),
            parcels: Handout::new(window),
            links_waiting: 0,
            held_up: None,
        }
    }

    pub(super) fn open(&mut self, node: NodeId, control: OwnedFd) {
        self.controls.insert(node, control);
    }

    pub(super) fn control(&self, node: NodeId) -> Option<&OwnedFd> {
        self.controls.get(&node)
    }

    pub(super) fn close(&mut self, node: NodeId) {
        self.controls.remove(&node);
        let dropped = self.parcels.gone(node);
        let held_up = self.held_up.take_if(|(to, _)| *to == node).map(|(_, parcel)| parcel);
        let dropped = dropped.into_iter().chain(held_up);
        self.links_waiting -= dropped.filter(Parcel::is_link).count();
    }

    /// Whether a node has said something that was not taken off its socket yet.
    pub(super) fn anything_unheard(&self) -> bool {
        self.controls.values().any(|control| packet::waiting(control.as_fd()).is_ok_and(|n| n > 0))
    }

    /// Closes the control sockets of all who are not `there` any more.
    pub(super) fn keep(&mut self, there: impl Fn(NodeId) -> bool) {
        let gone: Vec<NodeId> =
            self.controls.keys().copied().filter(|node| !there(*node)).collect();
        for node in gone {
            self.close(node);
        }
    }

    /// Puts `parcel` behind what waits for `node` already.
    pub(super) fn give(&mut self, node: NodeId, parcel: Parcel) {
        if self.controls.contains_key(&node) {
            self.links_waiting += usize::from(parcel.is_link());
            self.parcels.push(node, parcel.fds(), parcel);
        }
    }

    /// Puts who came and went behind what waits for `node` already, or adds it to what waits last.
    pub(super) fn give_members(&mut self, node: NodeId, events: &[MembershipEvent]) {
        for event in events {
            match self.parcels.last_mut(node) {
                Some(Parcel::Members(untold)) if untold.len() < MAX_MEMBERS => {
                    membership::add(untold, *event);
                }
                _ if self.controls.contains_key(&node) => {
                    self.parcels.push_alone(node, Parcel::Members(vec![*event]));
                }
                _ => return,
            }
        }
    }

    /// Gives the node at `slot` the outboxes that all others have of a listener.
    pub(super) fn give_outboxes(
        &mut self,
        node: NodeId,
        slot: Slot,
        listener: u16,
        slots: RangeInclusive<Slot>,
    ) {
        let (first, last) = slots.into_inner();
        for run in [(first, slot.checked_sub(1)), (slot + 1, Some(last))] {
            let (mut from, Some(to)) = run else { continue };
            while from <= to {
                let end = to.min(from + MAX_FDS as Slot - 1);
                self.give(node, Parcel::Outboxes(listener, from..=end));
                from = end + 1;
            }
        }
    }

    pub(super) fn received(&mut self, node: NodeId, weight: u16) {
        self.parcels.received(node, weight);
    }

    pub(super) fn links_waiting(&self) -> usize {
        self.links_waiting
    }

    /// Sends what fits into the window; whether the kernel took it all.
    pub(super) fn send(&mut self, places: &Places) -> bool {
        while let Some((node, parcel)) = self.held_up.take().or_else(|| self.parcels.poll()) {
            let Some((message, fds)) = parcel.open(places) else {
                // The listener is gone; it never left, and so it never lands.
                self.parcels.received(node, parcel.fds());
                continue;
            };
            debug_assert_eq!(message.fds(), parcel.fds(), "{message:?}");
            let weight = message.weight();
            match self.deliver(node, &message, &fds) {
                Err(error) if packet::is_passing(&error) => {
                    self.held_up = Some((node, parcel));
                    return false;
                }
                Err(error) => {
                    report::error!("cannot hand {message:?} to node {node}: {error}");
                    self.parcels.received(node, weight);
                }
                Ok(()) => {}
            }
            self.links_waiting -= usize::from(parcel.is_link());
        }
        true
    }

    /// Tells `node` something that needs no fds.
    pub(super) fn tell(&self, node: NodeId, message: &ToNode) {
        if let Err(error) = self.deliver(node, message, &[]) {
            report::error!("cannot tell node {node} {message:?}: {error}");
        }
    }

    /// Tells `node` something that can wait; whether its socket had room for it.
    pub(super) fn try_tell(&self, node: NodeId, message: &ToNode) -> bool {
        match self.deliver(node, message, &[]) {
            Err(error) if packet::is_passing(&error) => return false,
            Err(error) => report::error!("cannot tell node {node} {message:?}: {error}"),
            Ok(()) => {}
        }
        true
    }

    fn deliver(&self, node: NodeId, message: &ToNode, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let Some(control) = self.controls.get(&node) else {
            return Ok(());
        };
        let mut bytes = Vec::new();
        codec::encode_into(&mut bytes, message, MAX_DATAGRAM).map_err(io::Error::other)?;
        match packet::send(control.as_fd(), &bytes, fds) {
            Err(error) if has_ended(&error) => Ok(()),
            sent => sent,
        }
    }
}

/// Whether whom it was for has just ended, or left something unread behind: its exit is on its way.
fn has_ended(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

impl Parcel {
    fn is_link(&self) -> bool {
        matches!(self, Parcel::Link { .. })
    }

    /// How many fds travel with it.
    fn fds(&self) -> u16 {
        match self {
            Parcel::Welcome(welcome) => {
                let each = if welcome.listens { 3 } else { 1 };
                welcome.listeners.len() as u16 * each
            }
            Parcel::Link { .. } | Parcel::Shared(..) => 1,
            Parcel::Outboxes(_, slots) => slots.end() - slots.start() + 1,
            Parcel::Lent(..) => 2,
            Parcel::Linked(_) | Parcel::Members(_) => 0,
        }
    }

    /// The message and the fds, in the order that the message names.
    fn open<'a>(&'a self, places: &'a Places) -> Option<(ToNode, Vec<BorrowedFd<'a>>)> {
        Some(match self {
            Parcel::Welcome(welcome) => {
                let mut fds = Vec::new();
                for listening in &welcome.listeners {
                    fds.push(places.page(listening.id)?);
                    if welcome.listens {
                        let place = places.get(listening.id, welcome.slot)?;
                        fds.extend([place.listener, place.inbox]);
                    }
                }
                (ToNode::Welcome(Welcome::clone(welcome)), fds)
            }
            Parcel::Outboxes(listener, slots) => {
                let outboxes = slots.clone().map(|slot| Some(places.get(*listener, slot)?.outbox));
                let (first, last) = (*slots.start(), *slots.end());
                let message = ToNode::Outboxes { listener: *listener, first, last };
                (message, outboxes.collect::<Option<_>>()?)
            }
            Parcel::Lent(listener, slot) => {
                let place = places.get(*listener, *slot)?;
                let message = ToNode::Lent { listener: *listener, slot: *slot };
                (message, vec![place.listener, place.inbox])
            }
            Parcel::Link { peer, kind, socket } => {
                (ToNode::Link { peer: peer.0, kind: *kind }, vec![socket.as_fd()])
            }
            Parcel::Linked(kind) => (ToNode::Linked { kind: *kind }, Vec::new()),
            Parcel::Shared(name, bytes) => {
                (ToNode::Shared { name: name.clone() }, vec![bytes.as_fd()])
            }
            Parcel::Members(events) => (ToNode::Members(events.clone()), Vec::new()),
        })
    }
}
