//! What is on its way to the nodes goes on its way after an exec.

use std::convert::Infallible;
use std::io;
use std::os::fd::AsFd;

use serde::{Deserialize, Serialize};

use super::{Hands, Parcel};
use crate::config::NodeId;
use crate::master::crossing::{Landed, Leaving, Place};
use crate::policy::handout::Handout;

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::master) struct State {
    controls: Vec<(NodeId, Place)>,
    parcels: Handout<Parcel<Place>>,
    held_up: Option<(NodeId, Parcel<Place>)>,
}

impl Hands {
    pub(in crate::master) fn save<'a>(&'a self, fds: &mut Leaving<'a>) -> State {
        let mut save = |parcel: &'a Parcel| {
            let Ok(parcel) = parcel.try_map(|fd| Ok::<_, Infallible>(fds.add(fd.as_fd())));
            parcel
        };
        let Ok(parcels) = self.parcels.try_map(|parcel| Ok::<_, Infallible>(save(parcel)));
        State {
            held_up: self.held_up.as_ref().map(|(node, parcel)| (*node, save(parcel))),
            controls: self.controls.iter().map(|(node, fd)| (*node, fds.add(fd.as_fd()))).collect(),
            parcels,
        }
    }

    /// # Errors
    /// When an fd did not cross.
    pub(in crate::master) fn restore(state: &State, fds: &mut Landed) -> io::Result<Hands> {
        let mut links_waiting = 0;
        let mut restore = |parcel: &Parcel<Place>| {
            let parcel = parcel.try_map(|place| fds.take(*place))?;
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

impl<S> Parcel<S> {
    /// The same with its socket made into something else.
    fn try_map<'a, T, E>(
        &'a self,
        make: impl FnOnce(&'a S) -> Result<T, E>,
    ) -> Result<Parcel<T>, E> {
        Ok(match self {
            Parcel::Welcome(welcome) => Parcel::Welcome(welcome.clone()),
            Parcel::Outboxes(listener, slots) => Parcel::Outboxes(*listener, slots.clone()),
            Parcel::Lent(listener, slot) => Parcel::Lent(*listener, *slot),
            Parcel::Link { peer, kind, socket } => {
                Parcel::Link { peer: *peer, kind: *kind, socket: make(socket)? }
            }
            Parcel::Linked(kind) => Parcel::Linked(*kind),
            Parcel::Shared(name, bytes) => Parcel::Shared(name.clone(), make(bytes)?),
            Parcel::Members(events) => Parcel::Members(events.clone()),
        })
    }
}
