//! The control protocol: what supervision and a node say to each other.
//!
//! One message a SEQPACKET datagram, in bincode; fds ride along in the order the message names.
//! The master's own node speaks it too, so that `master` and `node` need nothing else of each
//! other. This module is the vocabulary; it holds no socket and decides nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{Addr, Flavor, Messaging, Readiness, Settings};
use crate::event::{Event, MembershipEvent};
use crate::policy::health::Pace;

/// Raised whenever a message below changes its meaning or its layout.
pub(crate) const PROTOCOL: u16 = 2;

/// The largest datagram either side sends, in bytes.
pub(crate) const MAX_DATAGRAM: usize = 8 * 1024;

/// The most fds one datagram carries: a small part of what may be in flight, so that nodes take
/// turns. (The kernel's own limit is 253, `SCM_MAX_FD`.)
pub(crate) const MAX_FDS: usize = 32;

/// The most [`MembershipEvent`]s of one datagram, which has room for twice as many.
pub(crate) const MAX_MEMBERS: usize = 192;

/// From supervision to a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum ToNode {
    /// The first message. Fds, for each listener in turn: the load page; then, for a node that
    /// listens, its socket and its inbox.
    Welcome(Welcome),
    /// The write ends of the inboxes of the slots from `first` to `last`, one fd a slot.
    Outboxes { listener: u16, first: u16, last: u16 },
    /// A sibling's socket and inbox (two fds), to be watched: answers [`ToMaster::Borrow`].
    Lent { listener: u16, slot: u16 },
    /// A slot lost its node, or has one again: others may have to watch its queue now.
    SiblingsChanged,
    /// One end of a socket pair to `peer`. One fd.
    Link { peer: u64, kind: LinkKind },
    /// The answer to [`ToMaster::Want`], behind the links to all nodes that wanted some before.
    Linked { kind: LinkKind },
    /// Who came and went. To a node that does not read only one such waits in its socket; it is
    /// acknowledged as an fd would be.
    Members(Vec<MembershipEvent>),
    /// The program is about to stop: go on serving, but report that it is not ready any more.
    Leaving,
    /// So many nodes serve from now on, and the slots from the first of `slots` to the last have
    /// sockets: those of slots that retired stay.
    Count { nodes: u16, slots: (u16, u16) },
    /// The master's own node alone, once it said [`ToMaster::WantEvents`].
    Event(Event),
    /// Finish what is in flight, accept nothing new, leave within `timeout`.
    Drain { timeout: Duration },
    /// Make the shared bytes of this name, and say [`ToMaster::Made`] or [`ToMaster::NotMade`].
    Make { name: String },
    /// The shared bytes of this name are there. One fd: a sealed memfd.
    Shared { name: String },
    /// There are too many names.
    NotShared { name: String },
    /// Instead of a welcome: evaluate the options, check that the state could be taken over, answer
    /// [`ToMaster::Rehearsed`] and exit with code 0. One fd: the state of the master as it is now.
    Rehearse { protocol: u16 },
}

impl ToNode {
    /// How many fds travel with it.
    pub(crate) fn fds(&self) -> u16 {
        match self {
            ToNode::Welcome(welcome) => {
                let each = if welcome.listens { 3 } else { 1 };
                u16::try_from(welcome.listeners.len()).unwrap_or(u16::MAX).saturating_mul(each)
            }
            ToNode::Outboxes { first, last, .. } => (last + 1).saturating_sub(*first),
            ToNode::Lent { .. } => 2,
            ToNode::Link { .. } | ToNode::Shared { .. } | ToNode::Rehearse { .. } => 1,
            ToNode::SiblingsChanged
            | ToNode::Linked { .. }
            | ToNode::Members(_)
            | ToNode::Leaving
            | ToNode::Count { .. }
            | ToNode::Event(_)
            | ToNode::Make { .. }
            | ToNode::NotShared { .. }
            | ToNode::Drain { .. } => 0,
        }
    }

    /// How much of the window of what is in flight it takes, until it is
    /// [received](ToMaster::Received).
    pub(crate) fn weight(&self) -> u16 {
        match self {
            ToNode::Members(_) => 1,
            other => other.fds(),
        }
    }
}

/// Who a node is, and what it needs of the settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Welcome {
    pub(crate) protocol: u16,
    pub(crate) node: u64,
    pub(crate) slot: u16,
    pub(crate) generation: u32,
    /// This node's entry in the load page.
    pub(crate) seat: u16,
    /// Nodes that serve (`Nodes::len`).
    pub(crate) nodes: u16,
    /// Who is there, this node included.
    pub(crate) members: Vec<u64>,
    /// The first slot that has sockets, and the last one that ever had any.
    pub(crate) slots: (u16, u16),
    /// Where the program listens.
    pub(crate) listeners: Vec<Listening>,
    /// Whether this node accepts connections.
    pub(crate) listens: bool,
    pub(crate) drain_timeout: Duration,
    pub(crate) drain_grace: Duration,
    pub(crate) messaging: Messaging,
    pub(crate) readiness: Readiness,
    /// When to say [`ToMaster::Beat`] and [`ToMaster::Report`].
    pub(crate) pace: Pace,
    pub(crate) flavor: Flavor,
}

/// A listener of the program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Listening {
    /// Its number, never used again.
    pub(crate) id: u16,
    pub(crate) name: String,
    /// With the port that the kernel chose for port 0.
    pub(crate) addr: Addr,
    pub(crate) keeping: Keeping,
}

/// Whose a listener's sockets are, and so who may end their listening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Keeping {
    /// One a slot, made by the master.
    Each,
    /// One for all slots, made by the master.
    Shared,
    /// One for all slots, of whoever started the program: it listens on when the program ends.
    Lent,
}

/// From a node to supervision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ToMaster {
    Ready,
    /// It drains, by its own decision or because it was told.
    Draining,
    /// It wants a link of this kind to every other node that wants one too.
    Want(LinkKind),
    /// It wants to watch this slot.
    Borrow {
        listener: u16,
        slot: u16,
    },
    /// It took something of this [weight](ToNode::weight) off the socket, or lost its fds for want
    /// of room: it no longer counts as in flight.
    Received {
        weight: u16,
    },
    /// Its runtime is alive.
    Beat(Pulse),
    /// How it is, from a node whose runtime nobody watches.
    Report(Pulse),
    /// It wants the shared bytes of this name: answers [`ToNode::Make`] or [`ToNode::Shared`].
    Share {
        name: String,
    },
    /// It made the bytes of this name. One fd: a sealed memfd.
    Made {
        name: String,
    },
    /// It does not make them, and does not want them any more.
    NotMade {
        name: String,
    },
    /// The master's own node alone: its user listens to the program's events.
    WantEvents,
    /// The master's own node alone: its `main` ended.
    Ended(Ended),
    /// A rehearsal alone: the options of this version of the program, or what is wrong with it.
    Rehearsed(Result<Box<Settings>, String>),
}

/// What a node says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pulse {
    /// Connections accepted since its start.
    pub(crate) accepted: u64,
    /// Resident memory, in bytes.
    pub(crate) resident: u64,
    /// CPU time since its start.
    pub(crate) cpu: Duration,
}

/// What a link carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum LinkKind {
    /// Typed messages, every type its own channel.
    Messages,
    /// One raw stream for the user.
    Stream,
}

/// How the `main` of the master's own node ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ended {
    /// It returned success, or was left behind once it had drained.
    Ok,
    /// It returned an error or panicked.
    Failed,
}
