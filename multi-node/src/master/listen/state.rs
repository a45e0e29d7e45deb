//! The places across an exec: values that can be written down, and fds by their place in a list.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;

use serde::{Deserialize, Serialize};

use super::file::SocketFile;
use super::listener::{Door, Each, Inbox, Listener, Sockets};
use super::{Offer, Places};
use crate::config::{Addr, Address, Generation, Slot};
use crate::master::crossing::{Landed, Leaving, Place};
use crate::sys::page::Page;

/// [`Places`] without its fds, each of which is named by its index in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::master) struct PlacesState {
    listeners: Vec<ListenerState>,
    /// By generation, the names and the numbers of its listeners.
    offers: Vec<(Generation, Vec<(String, u16)>)>,
    next: u16,
    slots: (Slot, Slot),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ListenerState {
    id: u16,
    address: Address,
    addr: Addr,
    page: Place,
    sockets: SocketsState,
    /// Slot, the end that is read, the end that is written.
    inboxes: Vec<(Slot, Place, Place)>,
    door: Door,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum SocketsState {
    Each { slots: Vec<(Slot, Place)>, spare: Vec<Place>, backlog: u32 },
    Shared { socket: Place, file: Option<SocketFile> },
    Lent { name: String, socket: Place },
}

impl Places {
    /// Writes everything down; all fds are appended to `fds`.
    pub(in crate::master) fn save<'a>(&'a self, fds: &mut Leaving<'a>) -> PlacesState {
        let listeners = self.listeners.iter().map(|(id, listener)| listener.save(*id, fds));
        let names = |offers: &Vec<Offer>| {
            offers.iter().map(|offer| (offer.name.clone(), offer.listener)).collect()
        };
        PlacesState {
            listeners: listeners.collect(),
            offers: self.offers.iter().map(|(of, offers)| (*of, names(offers))).collect(),
            next: self.next,
            slots: self.slots,
        }
    }

    /// What was saved, with the fds that it names, which are taken out of `fds`.
    ///
    /// # Errors
    /// `InvalidData` when an fd is missing or is no load page.
    pub(in crate::master) fn restore(state: PlacesState, fds: &mut Landed) -> io::Result<Places> {
        let mut listeners = BTreeMap::new();
        for listener in state.listeners {
            listeners.insert(listener.id, Listener::restore(listener, fds)?);
        }
        let offers = state.offers.into_iter().map(|(generation, names)| {
            let offers = names.into_iter().map(|(name, listener)| Offer { name, listener });
            (generation, offers.collect())
        });
        let offers = offers.collect();
        Ok(Places { listeners, offers, next: state.next, slots: state.slots })
    }
}

impl Listener {
    fn save<'a>(&'a self, id: u16, fds: &mut Leaving<'a>) -> ListenerState {
        ListenerState {
            id,
            address: self.address.clone(),
            addr: self.addr.clone(),
            page: fds.add(self.page.fd()),
            sockets: match &self.sockets {
                Sockets::Each(Each { slots, spare, backlog }) => SocketsState::Each {
                    slots: slots.iter().map(|(slot, fd)| (*slot, fds.add(fd.as_fd()))).collect(),
                    spare: spare.iter().map(|fd| fds.add(fd.as_fd())).collect(),
                    backlog: *backlog,
                },
                Sockets::Shared { socket, file } => {
                    SocketsState::Shared { socket: fds.add(socket.as_fd()), file: file.clone() }
                }
                Sockets::Lent { name, socket } => {
                    SocketsState::Lent { name: name.clone(), socket: fds.add(socket.as_fd()) }
                }
            },
            inboxes: self
                .inboxes
                .iter()
                .map(|(slot, Inbox { inbox, outbox })| {
                    (*slot, fds.add(inbox.as_fd()), fds.add(outbox.as_fd()))
                })
                .collect(),
            door: self.door,
        }
    }

    fn restore(state: ListenerState, fds: &mut Landed) -> io::Result<Listener> {
        let page = Page::map(fds.take(state.page)?)?;
        let sockets = match state.sockets {
            SocketsState::Each { slots, spare, backlog } => Sockets::Each(Each {
                slots: slots
                    .into_iter()
                    .map(|(slot, fd)| Ok((slot, fds.take(fd)?)))
                    .collect::<io::Result<_>>()?,
                spare: spare.into_iter().map(|fd| fds.take(fd)).collect::<io::Result<_>>()?,
                backlog,
            }),
            SocketsState::Shared { socket, file } => {
                Sockets::Shared { socket: fds.take(socket)?, file }
            }
            SocketsState::Lent { name, socket } => {
                Sockets::Lent { name, socket: fds.take(socket)? }
            }
        };
        let inboxes = state.inboxes.into_iter().map(|(slot, inbox, outbox)| {
            Ok((slot, Inbox { inbox: fds.take(inbox)?, outbox: fds.take(outbox)? }))
        });
        let inboxes = inboxes.collect::<io::Result<_>>()?;
        let ListenerState { address, addr, door, .. } = state;
        Ok(Listener { address, addr, page, sockets, inboxes, door })
    }
}
