//! The family as it crosses an exec: the same processes, sockets and seats, in another program.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::AsFd;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{Family, Member};
use crate::config::{Generation, NodeId, Settings, Slot};
use crate::event::{Departure, MembershipEvent};
use crate::link::readable::Readable;
use crate::master::crossing::{Landed, Leaving, Place};
use crate::master::handing::{self, Hands};
use crate::master::image::{self, Images};
use crate::master::listen::{Places, PlacesState};
use crate::master::watch::{self, Control, Happening};
use crate::policy::membership::Standing;
use crate::sys::page::SEATS;
use crate::sys::process::{Child, Start};

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::master) struct State {
    settings: Settings,
    count: u16,
    members: Vec<(NodeId, MemberState)>,
    /// The master's own node, if it has one: it leaves with this program.
    own: Option<NodeId>,
    vacant: BTreeSet<Slot>,
    places: PlacesState,
    images: image::State,
    hands: handing::State,
}

/// A worker; the master's own node ends with its program.
#[derive(Debug, Serialize, Deserialize)]
struct MemberState {
    slot: Slot,
    generation: Generation,
    seat: u16,
    pid: u32,
    handle: Place,
    standing: Standing,
}

impl Family {
    pub(in crate::master) fn save<'a>(&'a self, fds: &mut Leaving<'a>) -> State {
        let workers = self.members.iter().filter_map(|(node, member)| {
            let child = member.child.as_ref()?;
            let Member { slot, generation, seat, standing, .. } = *member;
            let (pid, handle) = (child.pid(), fds.add(child.as_fd()));
            Some((*node, MemberState { slot, generation, seat, pid, handle, standing }))
        });
        let own = self.there().find(|node| self.members[node].child.is_none());
        State {
            settings: self.settings.clone(),
            count: self.count,
            members: workers.collect(),
            own,
            vacant: self.vacant.clone(),
            places: self.places.save(fds),
            images: self.images.save(fds),
            hands: self.hands.save(fds),
        }
    }

    /// # Errors
    /// When an fd did not cross, or cannot be watched.
    pub(in crate::master) fn restore(
        state: State,
        fds: &mut Landed,
        happenings: mpsc::Sender<Happening>,
    ) -> io::Result<Family> {
        let mut free_seats: Vec<u16> = (0..SEATS).rev().collect();
        let mut members = BTreeMap::new();
        let mut hands = Hands::restore(&state.hands, fds)?;
        for (node, worker) in state.members {
            let MemberState { slot, generation, seat, pid, handle, standing } = worker;
            free_seats.retain(|free| *free != seat);
            let child = Child::kept(pid, fds.take(handle)?);
            let exit = child.handle().and_then(Readable::new)?;
            let control = hands.control(node).ok_or(io::ErrorKind::InvalidData)?;
            let control = Control::new(control)?;
            tokio::spawn(watch::worker(node, control, exit, happenings.clone()));
            members.insert(node, Member { slot, generation, seat, child: Some(child), standing });
        }
        hands.keep(|node| members.contains_key(&node));
        let places = Places::restore(state.places, fds)?;
        let mut vacant = state.vacant;
        // The predecessor's own node ended with it, wherever it was in its life.
        vacant.extend(places.vacate_all_but(|seat| !free_seats.contains(&seat)));
        let left = |node| MembershipEvent::Left { node, why: Departure::Drained };
        Ok(Family {
            news: state.own.map(left).into_iter().collect(),
            settings: state.settings,
            count: state.count,
            start: Start::of_this_process(),
            images: Images::restore(&state.images, fds)?,
            places,
            free_seats,
            vacant,
            members,
            hands,
            rehearsal: None,
            coming: None,
            happenings,
        })
    }
}
