//! One listener: its sockets, its load page, and an inbox for each slot.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::{Deserialize, Serialize};

use super::file::SocketFile;
use super::{Place, bind};
use crate::config::{Addr, Address, Listen, Settings, Slot};
use crate::error::StartError;
use crate::link::control::Keeping;
use crate::report;
use crate::sys::packet;
use crate::sys::page::Page;
use crate::sys::socket::{self, tcp};

#[derive(Debug)]
pub(super) struct Listener {
    /// As it was asked for.
    pub(super) address: Address,
    pub(super) addr: Addr,
    pub(super) page: Page,
    pub(super) sockets: Sockets,
    pub(super) inboxes: BTreeMap<Slot, Inbox>,
    pub(super) door: Door,
}

/// Whether clients can connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Door {
    Open,
    /// Nobody new can connect; who has queues.
    Shut,
    /// Nobody listens any more, and nobody will.
    Gone,
}

#[derive(Debug)]
pub(super) enum Sockets {
    /// One a slot, so that the kernel spreads what comes.
    Each(Each),
    /// One for all slots, with its file.
    Shared { socket: OwnedFd, file: Option<SocketFile> },
    /// One for all slots, of whoever started the program: it listens on when the program ends.
    Lent { name: String, socket: OwnedFd },
}

#[derive(Debug)]
pub(super) struct Each {
    pub(super) slots: BTreeMap<Slot, OwnedFd>,
    /// Bound, for slots to come: once the user has changed no socket can join any more.
    pub(super) spare: Vec<OwnedFd>,
    pub(super) backlog: u32,
}

/// Both ends of the way on which siblings pass connections to a slot.
#[derive(Debug)]
pub(super) struct Inbox {
    /// The end that the node reads.
    pub(super) inbox: OwnedFd,
    /// The end that its siblings write.
    pub(super) outbox: OwnedFd,
}

impl Listener {
    /// Binds what `listen` asks for, with all that `slots` need.
    ///
    /// # Errors
    /// One line that names the address, the cause and the remedy.
    pub(super) fn bind(
        listen: &Listen,
        settings: &Settings,
        slots: RangeInclusive<Slot>,
    ) -> Result<Listener, StartError> {
        let (sockets, addr) = bind::bind(&listen.address, settings, *slots.start())?;
        let page = Page::create().map_err(StartError::system("make a load page"))?;
        let address = listen.address.clone();
        let mut listener = Listener::of(address, addr, page, sockets);
        let ready = slots.into_iter().try_for_each(|slot| listener.ensure(slot));
        ready.map_err(|cause| {
            listener.remove_file();
            StartError::System { what: "make a slot's sockets", cause }
        })?;
        Ok(listener)
    }

    /// What `listen` asks for, on a socket that was passed on to this process.
    ///
    /// # Errors
    /// As accept(2) would fail on it; when no fd is left.
    pub(super) fn lent(
        listen: &Listen,
        socket: OwnedFd,
        slots: RangeInclusive<Slot>,
    ) -> io::Result<Listener> {
        let addr = socket::local_addr(socket.as_fd())?;
        if addr.as_inet().is_some() {
            tcp::set_inherited(socket.as_fd())?;
        }
        let sockets = Sockets::Lent { name: listen.name.clone(), socket };
        let (address, page) = (listen.address.clone(), Page::create()?);
        let mut listener = Listener::of(address, addr, page, sockets);
        slots.into_iter().try_for_each(|slot| listener.ensure(slot))?;
        Ok(listener)
    }

    fn of(address: Address, addr: Addr, page: Page, sockets: Sockets) -> Listener {
        let inboxes = BTreeMap::new();
        Listener { address, addr, page, sockets, inboxes, door: Door::Open }
    }

    /// Whether this is what `listen` asks for.
    pub(super) fn is_for(&self, listen: &Listen) -> bool {
        match &self.sockets {
            Sockets::Lent { name, .. } => *name == listen.name,
            Sockets::Each(_) | Sockets::Shared { .. } => {
                self.address.is_same_place(&listen.address)
            }
        }
    }

    /// Goes on as `listen`, which this [is for](Listener::is_for), would have it.
    pub(super) fn follow(&mut self, listen: &Listen) {
        if let (Sockets::Shared { file: Some(file), .. }, Address::Unix { mode: Some(mode), .. }) =
            (&self.sockets, &listen.address)
            && self.address != listen.address
            && let Err(error) = file.set_mode(*mode)
        {
            report::warn!("cannot set the mode of {}: {error}", self.addr);
        }
        self.address = listen.address.clone();
    }

    /// Removes the file of a Unix socket.
    pub(super) fn remove_file(&self) {
        if let Sockets::Shared { file: Some(file), .. } = &self.sockets {
            file.remove();
        }
    }

    /// Sees to it that `slot` has its socket and its inbox.
    pub(super) fn ensure(&mut self, slot: Slot) -> io::Result<()> {
        match &mut self.sockets {
            Sockets::Each(each) => each.ensure(slot)?,
            Sockets::Shared { .. } | Sockets::Lent { .. } => {}
        }
        if let Entry::Vacant(entry) = self.inboxes.entry(slot) {
            let (inbox, outbox) = packet::packet_pair()?;
            entry.insert(Inbox { inbox, outbox });
        }
        Ok(())
    }

    /// Lets go of what `slot` has.
    pub(super) fn release(&mut self, slot: Slot) {
        self.inboxes.remove(&slot);
        match &mut self.sockets {
            Sockets::Each(each) => drop(each.slots.remove(&slot)),
            Sockets::Shared { .. } | Sockets::Lent { .. } => {}
        }
    }

    pub(super) fn place(&self, slot: Slot) -> Option<Place<'_>> {
        let Inbox { inbox, outbox } = self.inboxes.get(&slot)?;
        let listener = match &self.sockets {
            Sockets::Each(each) => each.slots.get(&slot)?,
            Sockets::Shared { socket, .. } | Sockets::Lent { socket, .. } => socket,
        };
        Some(Place { listener: listener.as_fd(), inbox: inbox.as_fd(), outbox: outbox.as_fd() })
    }

    pub(super) fn keeping(&self) -> Keeping {
        match &self.sockets {
            Sockets::Each(_) => Keeping::Each,
            Sockets::Shared { .. } => Keeping::Shared,
            Sockets::Lent { .. } => Keeping::Lent,
        }
    }

    /// Whether clients can connect.
    pub(super) fn is_open(&self) -> bool {
        self.door == Door::Open
    }

    /// Lets nobody connect any more; what has connected stays queued. A lent socket is not ours to
    /// shut.
    pub(super) fn refuse(&mut self) {
        match (&self.sockets, self.door) {
            (Sockets::Lent { .. }, _) | (_, Door::Shut | Door::Gone) => return,
            (Sockets::Each(each), Door::Open) => {
                all(each.slots.values(), "refuse new connections", socket::refuse_newcomers);
            }
            // On a Unix socket this is the same: what has connected can still be accepted.
            (Sockets::Shared { socket, .. }, Door::Open) => {
                all([socket], "end listening", socket::close_for_all);
            }
        }
        self.door = Door::Shut;
    }

    /// Ends listening, for all nodes.
    pub(super) fn close(&mut self) {
        match (&mut self.sockets, self.door) {
            (Sockets::Lent { .. }, _) | (_, Door::Gone) => return,
            (Sockets::Each(each), Door::Open | Door::Shut) => {
                all(each.slots.values(), "end listening", socket::close_for_all);
                each.spare.clear();
            }
            (Sockets::Shared { socket, .. }, Door::Open) => {
                all([&*socket], "end listening", socket::close_for_all);
                self.remove_file();
            }
            (Sockets::Shared { .. }, Door::Shut) => self.remove_file(),
        }
        self.door = Door::Gone;
    }
}

impl Each {
    fn ensure(&mut self, slot: Slot) -> io::Result<()> {
        if self.slots.contains_key(&slot) {
            return Ok(());
        }
        let socket = match (self.spare.pop(), self.slots.values().next()) {
            (Some(spare), _) => spare,
            (None, Some(founder)) => tcp::join(founder.as_fd())?,
            (None, None) => return Err(io::ErrorKind::NotFound.into()),
        };
        socket::listen_on(&socket, self.backlog)?;
        self.slots.insert(slot, socket);
        Ok(())
    }
}

fn all<'a>(
    sockets: impl IntoIterator<Item = &'a OwnedFd>,
    what: &str,
    act: impl Fn(BorrowedFd<'_>) -> io::Result<()>,
) {
    for socket in sockets {
        if let Err(error) = act(socket.as_fd()) {
            report::warn!("cannot {what}: {error}");
        }
    }
}
