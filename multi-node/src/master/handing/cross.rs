//! What is on its way to the nodes goes on its way after an exec.

use std::convert::Infallible;
use std::io;
use std::ops::RangeInclusive;
use std::os::fd::AsFd;

use serde::{Deserialize, Serialize};

use super::{Hands, Parcel};
use crate::config::{NodeId, Slot};
use crate::event::MembershipEvent;
use crate::link::control::{LinkKind, Welcome};
use crate::master::crossing::{Landed, Leaving, Place};
use crate::policy::handout::Handout;

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::master) struct State {
    controls: Vec<(NodeId, Place)>,
    parcels: Handout<ParcelState>,
    held_up: Option<(NodeId, ParcelState)>,
}

#[derive(Debug, Serialize, Deserialize)]
enum ParcelState {
    Welcome(Box<Welcome>),
    Outboxes(u16, RangeInclusive<Slot>),
    Lent(u16, Slot),
    Link { peer: NodeId, kind: LinkKind, socket: Place },
    Members(Vec<MembershipEvent>),
}

impl Hands {
    pub(in crate::master) fn save<'a>(&'a self, fds: &mut Leaving<'a>) -> State {
        let Ok(parcels) = self.parcels.try_map(|parcel| Ok::<_, Infallible>(parcel.save(fds)));
        State {
            controls: self.controls.iter().map(|(node, fd)| (*node, fds.add(fd.as_fd()))).collect(),
            held_up: self.held_up.as_ref().map(|(node, parcel)| (*node, parcel.save(fds))),
            parcels,
        }
    }

    /// # Errors
    /// When an fd did not cross.
    pub(in crate::master) fn restore(state: &State, fds: &mut Landed) -> io::Result<Hands> {
        let mut links_waiting = 0;
        let mut restore = |parcel: &ParcelState| {
            let parcel = parcel.restore(fds)?;
            links_waiting += usize::from(parcel.is_link());
            io::Result::Ok(parcel)
        };
        let parcels = state.parcels.try_map(&mut restore)?;
        let held_up = match &state.held_up {
            Some((node, parcel)) => Some((*node, restore(parcel)?)),
            None => None,
        };
        let controls =
            state.controls.iter().map(|(node, control)| Ok((*node, fds.take(*control)?)));
        Ok(Hands {
            controls: controls.collect::<io::Result<_>>()?,
            parcels,
            links_waiting,
            held_up,
        })
    }
}

impl Parcel {
    fn save<'a>(&'a self, fds: &mut Leaving<'a>) -> ParcelState {
        match self {
            Parcel::Welcome(welcome) => ParcelState::Welcome(welcome.clone()),
            Parcel::Outboxes(listener, slots) => ParcelState::Outboxes(*listener, slots.clone()),
            Parcel::Lent(listener, slot) => ParcelState::Lent(*listener, *slot),
            Parcel::Link { peer, kind, socket } => {
                ParcelState::Link { peer: *peer, kind: *kind, socket: fds.add(socket.as_fd()) }
            }
            Parcel::Members(events) => ParcelState::Members(events.clone()),
        }
    }
}

impl ParcelState {
    fn restore(&self, fds: &mut Landed) -> io::Result<Parcel> {
        Ok(match self {
            ParcelState::Welcome(welcome) => Parcel::Welcome(welcome.clone()),
            ParcelState::Outboxes(listener, slots) => Parcel::Outboxes(*listener, slots.clone()),
            ParcelState::Lent(listener, slot) => Parcel::Lent(*listener, *slot),
            ParcelState::Link { peer, kind, socket } => {
                Parcel::Link { peer: *peer, kind: *kind, socket: fds.take(*socket)? }
            }
            ParcelState::Members(events) => Parcel::Members(events.clone()),
        })
    }
}
