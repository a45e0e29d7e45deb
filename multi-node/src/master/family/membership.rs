//! Who leaves is let go of, and the nodes are told who of them came and who went.
//!
//! Told is what happened since the last time, to all at once; what a node hears in which order, and
//! that none is waited for, is `handing`'s.

use super::Family;
use crate::config::{ExitStatus, NodeId};
use crate::event::{Departure, MembershipEvent};
use crate::link::control::Ended;
use crate::policy::membership::{self, Standing, departure};

impl Family {
    /// Hands out who came and went. A node knows of all who were there before it from its welcome,
    /// and ignores what it knows.
    pub(in crate::master) fn tell_members(&mut self) {
        let news = std::mem::take(&mut self.news);
        for node in self.members.keys() {
            self.hands.give_members(*node, &news);
        }
    }

    /// The nodes that are there.
    pub(super) fn there(&self) -> impl Iterator<Item = NodeId> + '_ {
        let there = self.members.iter().filter(|(_, member)| member.standing != Standing::Left);
        there.map(|(node, _)| *node)
    }

    /// A node drains, and may leave well.
    pub(in crate::master) fn draining(&mut self, node: NodeId) {
        if let Some(member) = self.members.get_mut(&node) {
            member.standing = Standing::Drains;
        }
    }

    /// The `main` of the master's own node ended: the node is gone, its process may go on.
    pub(in crate::master) fn own_node_ended(&mut self, node: NodeId, ended: Ended) {
        let code = match ended {
            Ended::Ok => 0,
            Ended::Failed => 1,
        };
        if let Some(member) = self.members.get_mut(&node) {
            let why = departure(ExitStatus::Code(code), member.standing);
            member.standing = Standing::Left;
            self.left(node, why);
        }
    }

    /// Takes the status of a node whose process has exited and lets go of all that was its.
    pub(in crate::master) fn bury(&mut self, node: NodeId) -> ExitStatus {
        let Some(member) = self.members.remove(&node) else {
            return ExitStatus::Unknown;
        };
        self.hands.close(node);
        if self.places.vacate(member.slot, member.seat) {
            self.vacant.insert(member.slot);
            self.tell_siblings();
        }
        self.free_seats.push(member.seat);
        let status = member.child.and_then(|child| child.reap()).unwrap_or(ExitStatus::Unknown);
        self.left(node, departure(status, member.standing));
        status
    }

    pub(super) fn joined(&mut self, node: NodeId) {
        membership::add(&mut self.news, MembershipEvent::Joined(node));
    }

    pub(super) fn left(&mut self, node: NodeId, why: Departure) {
        membership::add(&mut self.news, MembershipEvent::Left { node, why });
    }
}
