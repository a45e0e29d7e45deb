//! The processes of the program and what each holds: started, told, killed, reaped, let go of.

mod cross;
mod membership;
mod reload;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;

use tokio::sync::mpsc;

pub(super) use cross::State;

use super::handing::{Hands, Parcel};
use super::health::Body;
use super::image::Images;
use super::listen::Places;
use super::rehearsal::Rehearsal;
use super::watch::{self, Control, Happening};
use crate::config::{Generation, NodeId, Settings, Slot};
use crate::error::StartError;
use crate::event::{Event, MembershipEvent};
use crate::link::control::{LinkKind, PROTOCOL, ToNode, Welcome};
use crate::policy::health::Pace;
use crate::policy::membership::Standing;
use crate::report;
use crate::sys::packet;
use crate::sys::page::SEATS;
use crate::sys::process::{self, Child, Start};

/// All nodes, the master's own among them, and what they share.
pub(super) struct Family {
    settings: Settings,
    start: Start,
    images: Images,
    places: Places,
    free_seats: Vec<u16>,
    /// The slots whose node died and that have no other yet.
    vacant: BTreeSet<Slot>,
    members: BTreeMap<NodeId, Member>,
    /// Who came and went, and no node was told yet.
    news: Vec<MembershipEvent>,
    hands: Hands,
    rehearsal: Option<Rehearsal>,
    /// How many nodes are to serve.
    count: u16,
    /// The options of the generation that a reload starts.
    coming: Option<(Generation, Settings)>,
    happenings: mpsc::Sender<Happening>,
}

/// A node.
struct Member {
    slot: Slot,
    generation: Generation,
    /// Its entry in the load page.
    seat: u16,
    /// `None` for the master's own node.
    child: Option<Child>,
    standing: Standing,
}

impl Member {
    /// A node that has no process yet, or none of its own.
    fn new(slot: Slot, generation: Generation, seat: u16) -> Member {
        Member { slot, generation, seat, child: None, standing: Standing::Stays }
    }
}

impl Family {
    /// Binds the port and makes what all nodes share; starts no process.
    pub(super) fn found(
        settings: Settings,
        happenings: mpsc::Sender<Happening>,
    ) -> Result<Family, StartError> {
        Ok(Family {
            places: Places::bind(&settings)?,
            count: settings.nodes,
            settings,
            start: Start::of_this_process(),
            images: Images::of_this_program().map_err(StartError::system("open this program"))?,
            free_seats: (0..SEATS).rev().collect(),
            vacant: BTreeSet::new(),
            members: BTreeMap::new(),
            news: Vec::new(),
            hands: Hands::new(),
            rehearsal: None,
            coming: None,
            happenings,
        })
    }

    /// Says so when a reload could not run the program file, now that this process is the user
    /// who will try.
    pub(super) fn check_program(&self) {
        if let Err(error) = self.images.at_path() {
            report::warn!("no reload can work: {error}; let the user read and execute the file");
        }
    }

    /// Makes the master's own node a member; its end of the control socket.
    pub(super) fn adopt_master(
        &mut self,
        node: NodeId,
        generation: Generation,
        pace: Pace,
    ) -> io::Result<OwnedFd> {
        let (ours, theirs) = packet::packet_pair()?;
        let seat = self.seat()?;
        let control = Control::new(&ours)?;
        self.admit(node, ours, Member::new(0, generation, seat), pace);
        self.joined(node);
        tokio::spawn(watch::own_node(node, control, self.happenings.clone()));
        Ok(theirs)
    }

    /// The options that count.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The options that a node of `generation` starts with.
    pub(super) fn settings_of(&self, generation: Generation) -> &Settings {
        match &self.coming {
            Some((coming, settings)) if *coming == generation => settings,
            Some(_) | None => &self.settings,
        }
    }

    /// So many nodes serve from now on.
    pub(super) fn count(&mut self, nodes: u16) {
        self.count = nodes;
        self.tell_count();
    }

    /// Starts a worker; its pid.
    ///
    /// # Errors
    /// When it cannot be started; then nothing is left of it.
    pub(super) fn spawn(
        &mut self,
        node: NodeId,
        slot: Slot,
        generation: Generation,
        pace: Pace,
    ) -> io::Result<u32> {
        self.ensure(slot)?;
        let (ours, theirs) = packet::packet_pair()?;
        let control = Control::new(&ours)?;
        let seat = self.seat()?;
        // All that it needs is in its socket before it is there to read: it never waits for it.
        self.admit(node, ours, Member::new(slot, generation, seat), pace);
        self.joined(node);
        let image = self.images.of(generation);
        let started = image.and_then(|image| watch::start(&self.start, image, theirs));
        let (child, handle) = started.inspect_err(|_| {
            self.bury(node);
        })?;
        let pid = child.pid();
        if let Some(member) = self.members.get_mut(&node) {
            member.child = Some(child);
        }
        tokio::spawn(watch::worker(node, control, handle, self.happenings.clone()));
        Ok(pid)
    }

    fn seat(&mut self) -> io::Result<u16> {
        let seat = self.free_seats.pop();
        let seat = seat.ok_or_else(|| io::Error::other(format!("{SEATS} processes are enough")))?;
        self.places.reset(seat);
        Ok(seat)
    }

    fn admit(&mut self, node: NodeId, control: OwnedFd, member: Member, pace: Pace) {
        let (slot, welcome) = (member.slot, self.welcome(node, &member, pace));
        let listeners: Vec<u16> = welcome.listeners.iter().map(|listener| listener.id).collect();
        let listens = welcome.listens;
        self.members.insert(node, member);
        self.hands.open(node, control);
        self.hands.give(node, Parcel::Welcome(Box::new(welcome)));
        for listener in listeners.into_iter().filter(|_| listens) {
            self.hands.give_outboxes(node, slot, listener, self.places.slots());
        }
        self.hand_out();
    }

    fn welcome(&self, node: NodeId, member: &Member, pace: Pace) -> Welcome {
        let settings = self.settings_of(member.generation);
        let listeners = self.places.of(member.generation);
        Welcome {
            protocol: PROTOCOL,
            node: node.0,
            slot: member.slot,
            generation: member.generation,
            seat: member.seat,
            nodes: self.count,
            members: self.there().chain([node]).map(|node| node.0).collect(),
            slots: self.places.slots().into_inner(),
            listens: !listeners.is_empty() && self.serves(member),
            listeners,
            drain_timeout: settings.drain_timeout,
            drain_grace: settings.drain_grace,
            messaging: settings.messaging,
            readiness: settings.readiness,
            pace,
            flavor: settings.flavor,
        }
    }

    /// `node` can serve: from now on its slot's connections are its own.
    pub(super) fn ready(&mut self, node: NodeId) {
        let Some(member) = self.members.get(&node) else {
            return;
        };
        if !self.serves(member) {
            return;
        }
        self.places.seat(member.generation, member.slot, member.seat);
        let slot = member.slot;
        if self.vacant.remove(&slot) {
            self.tell_siblings();
        }
    }

    /// The process of a node that is there.
    pub(super) fn body(&self, node: NodeId) -> Option<Body> {
        let member = self.members.get(&node)?;
        let pid = member.child.as_ref().map_or_else(process::pid, Child::pid);
        Some(Body { slot: member.slot, pid, open: self.places.load(member.seat) })
    }

    /// Sees to it that a slot has sockets, and lets every node know of them.
    ///
    /// # Errors
    /// As [`Places::ensure`].
    fn ensure(&mut self, slot: Slot) -> io::Result<()> {
        if !self.places.ensure(slot)? {
            return Ok(());
        }
        let told: Vec<(NodeId, Generation)> = (self.members.iter())
            .filter(|(_, member)| self.serves(member))
            .map(|(node, member)| (*node, member.generation))
            .collect();
        for (node, generation) in told {
            for listening in self.places.of(generation) {
                self.hands.give(node, Parcel::Outboxes(listening.id, slot..=slot));
            }
        }
        self.tell_count();
        Ok(())
    }

    fn tell_count(&self) {
        let slots = self.places.slots().into_inner();
        self.tell_all(&ToNode::Count { nodes: self.count, slots });
    }

    /// Has every node look again whose queue it must watch.
    fn tell_siblings(&self) {
        for (node, member) in &self.members {
            if self.serves(member) {
                self.hands.tell(*node, &ToNode::SiblingsChanged);
            }
        }
    }

    /// Lets nobody connect any more.
    pub(super) fn refuse(&mut self) {
        self.places.refuse();
    }

    /// Ends listening.
    pub(super) fn close(&mut self) {
        self.places.close();
    }

    /// Removes what the program leaves in the file system: it ends.
    pub(super) fn remove_files(&self) {
        self.places.remove_files();
    }

    /// Tells `node` to drain.
    pub(super) fn drain(&mut self, node: NodeId) {
        let timeout = self.settings.drain_timeout;
        self.hands.tell(node, &ToNode::Drain { timeout });
    }

    /// Tells every node.
    pub(super) fn tell_all(&self, message: &ToNode) {
        for node in self.members.keys() {
            self.hands.tell(*node, message);
        }
    }

    /// Tells `node` of an event; whether its socket had room for it.
    pub(super) fn tell_event(&self, node: NodeId, event: &Event) -> bool {
        self.hands.try_tell(node, &ToNode::Event(event.clone()))
    }

    pub(super) fn kill(&self, node: NodeId) {
        self.signal(node, Child::kill);
    }

    /// Ends a node that hangs, which may leave a core dump.
    pub(super) fn abort(&self, node: NodeId) {
        self.signal(node, Child::abort);
    }

    /// Whether process `pid` is one of the workers.
    pub(super) fn has(&self, pid: u32) -> bool {
        self.members.values().any(|member| member.child.as_ref().is_some_and(|c| c.pid() == pid))
    }

    fn signal(&self, node: NodeId, send: impl Fn(&Child) -> io::Result<()>) {
        if let Some(child) = self.members.get(&node).and_then(|member| member.child.as_ref())
            && let Err(error) = send(child)
        {
            report::warn!("node {node}, pid {}: cannot be signalled: {error}", child.pid());
        }
    }

    /// Lets go of the program files and the listeners of all generations that are neither `needed`
    /// nor run by any live node.
    pub(super) fn forget_generations(&mut self, needed: impl Fn(Generation) -> bool) {
        let members = &self.members;
        let is_kept = |generation| {
            let runs = |member: &Member| member.generation == generation;
            needed(generation) || members.values().any(runs)
        };
        self.images.keep(is_kept);
        self.places.keep(is_kept);
    }

    /// Gives `node` the sockets that `slot` has of a listener, to watch.
    pub(super) fn lend(&mut self, node: NodeId, listener: u16, slot: Slot) {
        if self.places.get(listener, slot).is_some() {
            self.hands.give(node, Parcel::Lent(listener, slot));
        }
    }

    /// Whether a node accepts connections, if there is anything to accept from: all workers do.
    fn serves(&self, member: &Member) -> bool {
        member.slot != 0 || self.settings_of(member.generation).master_listen
    }

    /// Gives `node` shared bytes.
    pub(super) fn share(&mut self, node: NodeId, name: String, bytes: OwnedFd) {
        self.hands.give(node, Parcel::Shared(name, bytes));
    }

    /// Tells `node` something that needs no fds.
    pub(super) fn tell(&self, node: NodeId, message: &ToNode) {
        self.hands.tell(node, message);
    }

    /// Makes a socket pair and hands its ends to `a` and `b`.
    pub(super) fn connect(&mut self, a: NodeId, b: NodeId, kind: LinkKind) {
        match packet::stream_pair() {
            Ok((to_b, to_a)) => {
                self.hands.give(a, Parcel::Link { peer: b, kind, socket: to_b });
                self.hands.give(b, Parcel::Link { peer: a, kind, socket: to_a });
            }
            Err(error) => report::error!("cannot connect nodes {a} and {b}: {error}"),
        }
    }

    /// Tells `node`, after the links of this kind that it was given, that it has those to all who
    /// asked before.
    pub(super) fn linked(&mut self, node: NodeId, kind: LinkKind) {
        self.hands.give(node, Parcel::Linked(kind));
    }

    /// Whether a node has said something that nobody has heard yet.
    pub(super) fn anything_unheard(&self) -> bool {
        self.hands.anything_unheard()
    }

    /// Whether links may be made now without hoarding sockets that wait to be handed out.
    pub(super) fn has_room_for_links(&self) -> bool {
        self.hands.links_waiting() < super::handing::LINKS_WAITING
    }

    pub(super) fn received(&mut self, node: NodeId, weight: u16) {
        self.hands.received(node, weight);
    }

    /// Sends what fits into the window of fds in flight; whether all of it could be sent.
    pub(super) fn hand_out(&mut self) -> bool {
        self.hands.send(&self.places)
    }
}
