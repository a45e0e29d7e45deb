//! The sockets that the master holds for its whole life and lends to the nodes: of each listener
//! one socket a slot, or one for all, and an inbox a slot.
//!
//! Which generation has which listeners under which names is kept apart from the listeners, so
//! that a reload takes over what did not change and a plan that fails leaves nothing behind. It
//! decides neither when a slot is needed nor when a generation is over.

mod activation;
mod bind;
mod file;
mod listener;
mod state;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use crate::config::{Address, Generation, Listen, MAX_NODES, Settings, Slot};
use crate::error::StartError;
use crate::link::control::Listening;
use crate::sys::page::Seat;

use listener::Listener;
pub(super) use state::PlacesState;

/// How long a port that is taken is asked for again: a predecessor that was killed just now may
/// take so long to let go of it.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often, then.
const RETRY: Duration = Duration::from_millis(20);

/// All listeners; none with `listen = none`.
#[derive(Debug)]
pub(super) struct Places {
    listeners: BTreeMap<u16, Listener>,
    /// What each generation listens on, the first listener first; one without an entry listens on
    /// what the last one before it does.
    offers: BTreeMap<Generation, Vec<Offer>>,
    /// The number of the next listener.
    next: u16,
    /// The first slot that has sockets, and the last.
    slots: (Slot, Slot),
}

/// A listener, as a generation knows it.
#[derive(Debug)]
struct Offer {
    name: String,
    listener: u16,
}

/// What a listener has for one slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) listener: BorrowedFd<'a>,
    /// The end that the node reads.
    pub(super) inbox: BorrowedFd<'a>,
    /// The end that its siblings write.
    pub(super) outbox: BorrowedFd<'a>,
}

impl Places {
    /// Binds what the first generation listens on, with sockets for all slots that serve.
    ///
    /// # Errors
    /// One line that names the address, the cause and the remedy.
    pub(super) fn bind(settings: &Settings) -> Result<Places, StartError> {
        let (first, last) = settings.serving_slots().into_inner();
        let mut places = Places {
            listeners: BTreeMap::new(),
            offers: BTreeMap::new(),
            next: 0,
            slots: (first, last),
        };
        places.activate(settings)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match places.plan(0, settings) {
                // The kernel tells nobody that a port is free again: asking is all there is.
                Err(StartError::PortTaken { .. }) if Instant::now() < deadline => {
                    std::thread::sleep(RETRY);
                }
                planned => return planned.map(|()| places),
            }
        }
    }

    /// Has `generation` listen as `settings` say: what is listened on already is taken over, the
    /// rest is bound. [`forget`](Places::forget) throws the plan away.
    ///
    /// # Errors
    /// As [`bind`](Places::bind); then nothing has changed.
    pub(super) fn plan(
        &mut self,
        generation: Generation,
        settings: &Settings,
    ) -> Result<(), StartError> {
        let (mut offers, mut kept, mut made) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut next = self.next;
        for listen in &settings.listen {
            let listen = beside(listen, &settings.listen);
            let listener = match self.find(&listen, &offers) {
                Some(id) => {
                    kept.push((id, listen.clone()));
                    id
                }
                None => {
                    let bound = Listener::bind(&listen, settings, self.slots());
                    let id = next;
                    made.insert(id, bound.inspect_err(|_| discard(&made))?);
                    next = id.wrapping_add(1);
                    id
                }
            };
            offers.push(Offer { name: listen.name, listener });
        }
        for (id, listen) in kept {
            if let Some(listener) = self.listeners.get_mut(&id) {
                listener.follow(&listen);
            }
        }
        self.next = next;
        self.listeners.append(&mut made);
        self.offers.insert(generation, offers);
        Ok(())
    }

    /// `generation` never came to be: closes what nobody else listens on.
    pub(super) fn forget(&mut self, generation: Generation) {
        self.keep(|other| other != generation);
    }

    /// Closes what no generation listens on that `is_kept`.
    pub(super) fn keep(&mut self, is_kept: impl Fn(Generation) -> bool) {
        self.offers.retain(|generation, _| is_kept(*generation));
        let offers = &self.offers;
        self.listeners.retain(|id, listener| {
            let is_kept = offers.values().flatten().any(|offer| offer.listener == *id);
            if !is_kept {
                listener.remove_file();
            }
            is_kept
        });
    }

    /// Sees to it that a slot has its sockets; whether it had none. Every node must be told then
    /// how far the slots [reach](Places::slots): connections queue there from now on.
    ///
    /// # Errors
    /// As bind(2) and listen(2); when the process has no fd left. Then no listener has any.
    pub(super) fn ensure(&mut self, slot: Slot) -> io::Result<bool> {
        if self.slots().contains(&slot) {
            return Ok(false);
        }
        let ensured = self.listeners.values_mut().try_for_each(|listener| listener.ensure(slot));
        ensured.inspect_err(|_| {
            // What would queue there nobody would look after.
            self.listeners.values_mut().for_each(|listener| listener.release(slot));
        })?;
        let (first, last) = self.slots;
        self.slots = (first.min(slot), last.max(slot));
        Ok(true)
    }

    /// How many listeners there are.
    pub(super) fn count(&self) -> usize {
        self.listeners.len()
    }

    /// The slots that have sockets.
    pub(super) fn slots(&self) -> std::ops::RangeInclusive<Slot> {
        self.slots.0..=self.slots.1
    }

    /// What a node of `generation` is told of its listeners.
    pub(super) fn of(&self, generation: Generation) -> Vec<Listening> {
        let listening = self.offered_to(generation).filter_map(|offer| {
            let listener = self.listeners.get(&offer.listener)?;
            Some(Listening {
                id: offer.listener,
                name: offer.name.clone(),
                addr: listener.addr.clone(),
                keeping: listener.keeping(),
            })
        });
        listening.collect()
    }

    /// What a listener has for a slot.
    pub(super) fn get(&self, listener: u16, slot: Slot) -> Option<Place<'_>> {
        self.listeners.get(&listener)?.place(slot)
    }

    /// The load page of a listener.
    pub(super) fn page(&self, listener: u16) -> Option<BorrowedFd<'_>> {
        Some(self.listeners.get(&listener)?.page.fd())
    }

    /// Clears a seat for a new process, in all load pages.
    pub(super) fn reset(&self, seat: Seat) {
        self.listeners.values().for_each(|listener| listener.page.reset(seat));
    }

    /// Gives a slot of all that `generation` listens on to the process in `seat`.
    pub(super) fn seat(&self, generation: Generation, slot: Slot, seat: Seat) {
        for offer in self.offered_to(generation) {
            if let Some(listener) = self.listeners.get(&offer.listener) {
                listener.page.seat(slot, seat);
            }
        }
    }

    /// How many connections the process in `seat` has, on all listeners.
    pub(super) fn load(&self, seat: Seat) -> u32 {
        self.listeners.values().map(|listener| listener.page.load(seat)).sum()
    }

    /// Takes the slots from all seats that are not `taken`; those that were.
    pub(super) fn vacate_all_but(&self, taken: impl Fn(Seat) -> bool) -> Vec<Slot> {
        let slots = 0..=MAX_NODES;
        let stale = |slot: &Slot| {
            let owners = self.listeners.values().filter_map(|listener| listener.page.owner(*slot));
            let stale = owners.filter(|seat| !taken(*seat)).map(|seat| self.vacate(*slot, seat));
            stale.fold(false, |any, vacated| any | vacated)
        };
        slots.filter(stale).collect()
    }

    /// Takes a slot from the process in `seat`; whether it still had it anywhere.
    pub(super) fn vacate(&self, slot: Slot, seat: Seat) -> bool {
        let vacated = self.listeners.values().map(|listener| listener.page.vacate(slot, seat));
        vacated.fold(false, |any, vacated| any | vacated)
    }

    /// Lets nobody connect any more; what has connected stays queued.
    pub(super) fn refuse(&mut self) {
        self.listeners.values_mut().for_each(Listener::refuse);
    }

    /// Ends listening, for all nodes.
    pub(super) fn close(&mut self) {
        self.listeners.values_mut().for_each(Listener::close);
    }

    /// Removes the files of Unix sockets: the program ends.
    pub(super) fn remove_files(&self) {
        self.listeners.values().for_each(Listener::remove_file);
    }

    /// As [`refuse`](Places::refuse), but for what `generation` listens on.
    pub(super) fn refuse_all_but(&mut self, generation: Generation) {
        self.dropped_by(generation).for_each(Listener::refuse);
    }

    /// As [`close`](Places::close), but for what `generation` listens on.
    pub(super) fn close_all_but(&mut self, generation: Generation) {
        self.dropped_by(generation).for_each(Listener::close);
    }

    /// Whether anybody can connect where `generation` does not listen.
    pub(super) fn drops(&mut self, generation: Generation) -> bool {
        self.dropped_by(generation).any(|listener| listener.is_open())
    }

    /// The open listener that is what `listen` asks for and not among `taken`: with port 0 there may be
    /// several, of which the one with its name is.
    fn find(&self, listen: &Listen, taken: &[Offer]) -> Option<u16> {
        let is_taken = |id: u16| taken.iter().any(|offer| offer.listener == id);
        let has_its_name = |id: u16| {
            let mut offers = self.offers.values().flatten();
            offers.any(|offer| offer.listener == id && offer.name == listen.name)
        };
        let is_fitting = |listener: &Listener| listener.is_open() && listener.is_for(listen);
        let fitting = self.listeners.iter().filter(|(_, listener)| is_fitting(listener));
        let free = fitting.map(|(id, _)| *id).filter(|id| !is_taken(*id));
        free.max_by_key(|id| has_its_name(*id))
    }

    fn offered_to(&self, generation: Generation) -> impl Iterator<Item = &Offer> {
        let offers = self.offers.range(..=generation).next_back();
        offers.into_iter().flat_map(|(_, offers)| offers)
    }

    fn dropped_by(&mut self, generation: Generation) -> impl Iterator<Item = &mut Listener> {
        let kept: Vec<u16> = self.offered_to(generation).map(|offer| offer.listener).collect();
        let dropped = self.listeners.iter_mut().filter(move |(id, _)| !kept.contains(id));
        dropped.map(|(_, listener)| listener)
    }
}

/// Lets go of listeners that were bound in vain.
fn discard(listeners: &BTreeMap<u16, Listener>) {
    listeners.values().for_each(Listener::remove_file);
}

/// `listen` with room made for the others: a `[::]` leaves IPv4 to a `0.0.0.0` on its port.
fn beside(listen: &Listen, all: &[Listen]) -> Listen {
    let mut listen = listen.clone();
    if let Address::Tcp { host, port, v6_only } = &mut listen.address
        && host == "::"
    {
        *v6_only |= all.iter().any(|other| other.address.is_every_v4(*port));
    }
    listen
}

#[cfg(test)]
mod tests;
