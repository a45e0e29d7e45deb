//! The places across an exec: values that can be written down, and fds by their place in a list.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::{Deserialize, Serialize};

use super::file::SocketFile;
use super::listener::{Each, Inbox, Listener, Sockets};
use super::{Offer, Places};
use crate::config::{Addr, Address, Generation, Slot};
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
    page: u32,
    sockets: SocketsState,
    /// Slot, the end that is read, the end that is written.
    inboxes: Vec<(Slot, u32, u32)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum SocketsState {
    Each { slots: Vec<(Slot, u32)>, spare: Vec<u32>, backlog: u32 },
    Shared { socket: u32, file: Option<SocketFile> },
    Lent { name: String, socket: u32 },
}

impl Places {
    /// Writes everything down; all fds are appended to `fds`.
    #[allow(dead_code)] // called once the master replaces itself
    pub(in crate::master) fn save<'a>(&'a self, fds: &mut Vec<BorrowedFd<'a>>) -> PlacesState {
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
    #[allow(dead_code)] // called once the master replaces itself
    pub(in crate::master) fn restore(
        state: PlacesState,
        fds: &mut [Option<OwnedFd>],
    ) -> io::Result<Places> {
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
    fn save<'a>(&'a self, id: u16, fds: &mut Vec<BorrowedFd<'a>>) -> ListenerState {
        ListenerState {
            id,
            address: self.address.clone(),
            addr: self.addr.clone(),
            page: put(self.page.fd(), fds),
            sockets: match &self.sockets {
                Sockets::Each(Each { slots, spare, backlog }) => SocketsState::Each {
                    slots: slots.iter().map(|(slot, fd)| (*slot, put(fd.as_fd(), fds))).collect(),
                    spare: spare.iter().map(|fd| put(fd.as_fd(), fds)).collect(),
                    backlog: *backlog,
                },
                Sockets::Shared { socket, file } => {
                    SocketsState::Shared { socket: put(socket.as_fd(), fds), file: file.clone() }
                }
                Sockets::Lent { name, socket } => {
                    SocketsState::Lent { name: name.clone(), socket: put(socket.as_fd(), fds) }
                }
            },
            inboxes: self
                .inboxes
                .iter()
                .map(|(slot, Inbox { inbox, outbox })| {
                    (*slot, put(inbox.as_fd(), fds), put(outbox.as_fd(), fds))
                })
                .collect(),
        }
    }

    fn restore(state: ListenerState, fds: &mut [Option<OwnedFd>]) -> io::Result<Listener> {
        let page = Page::map(take(state.page, fds)?)?;
        let sockets = match state.sockets {
            SocketsState::Each { slots, spare, backlog } => Sockets::Each(Each {
                slots: slots
                    .into_iter()
                    .map(|(slot, fd)| Ok((slot, take(fd, fds)?)))
                    .collect::<io::Result<_>>()?,
                spare: spare.into_iter().map(|fd| take(fd, fds)).collect::<io::Result<_>>()?,
                backlog,
            }),
            SocketsState::Shared { socket, file } => {
                Sockets::Shared { socket: take(socket, fds)?, file }
            }
            SocketsState::Lent { name, socket } => {
                Sockets::Lent { name, socket: take(socket, fds)? }
            }
        };
        let inboxes = state.inboxes.into_iter().map(|(slot, inbox, outbox)| {
            Ok((slot, Inbox { inbox: take(inbox, fds)?, outbox: take(outbox, fds)? }))
        });
        let inboxes = inboxes.collect::<io::Result<_>>()?;
        Ok(Listener { address: state.address, addr: state.addr, page, sockets, inboxes })
    }
}

fn put<'a>(fd: BorrowedFd<'a>, fds: &mut Vec<BorrowedFd<'a>>) -> u32 {
    fds.push(fd);
    u32::try_from(fds.len() - 1).unwrap_or(u32::MAX)
}

fn take(index: u32, fds: &mut [Option<OwnedFd>]) -> io::Result<OwnedFd> {
    let fd = usize::try_from(index).ok().and_then(|index| fds.get_mut(index)?.take());
    fd.ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, "an fd of the listeners is missing")
    })
}
