//! The processes of the program and what each holds: started, told, killed, reaped, let go of.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::sync::mpsc;

use super::handing::{Hands, Parcel};
use super::image::Images;
use super::listen::Places;
use super::watch::{self, Control, Happening};
use crate::config::{ExitStatus, Flavor, Generation, NodeId, Settings, Slot};
use crate::error::StartError;
use crate::link::control::{LinkKind, PROTOCOL, ToNode, Welcome};
use crate::link::readable::Readable;
use crate::report;
use crate::sys::packet;
use crate::sys::page::SEATS;
use crate::sys::process::{Child, Start};

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
    hands: Hands,
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
}

impl Family {
    /// Binds the port and makes what all nodes share; starts no process.
    pub(super) fn found(
        settings: Settings,
        happenings: mpsc::Sender<Happening>,
    ) -> Result<Family, StartError> {
        Ok(Family {
            places: Places::bind(&settings)?,
            settings,
            start: Start::of_this_process(),
            images: Images::of_this_program().map_err(StartError::system("open this program"))?,
            free_seats: (0..SEATS).rev().collect(),
            vacant: BTreeSet::new(),
            members: BTreeMap::new(),
            hands: Hands::new(),
            happenings,
        })
    }

    /// Makes the master's own node a member; its end of the control socket.
    pub(super) fn adopt_master(&mut self) -> io::Result<OwnedFd> {
        let (ours, theirs) = packet::packet_pair()?;
        let seat = self.seat()?;
        let control = Control::new(&ours)?;
        self.admit(NodeId::MASTER, ours, Member { slot: 0, generation: 0, seat, child: None });
        tokio::spawn(watch::own_node(NodeId::MASTER, control, self.happenings.clone()));
        Ok(theirs)
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
    ) -> io::Result<u32> {
        let (ours, theirs) = packet::packet_pair()?;
        let control = Control::new(&ours)?;
        let seat = self.seat()?;
        // All that it needs is in its socket before it is there to read: it never waits for it.
        self.admit(node, ours, Member { slot, generation, seat, child: None });
        let (child, handle) = self.start(generation, theirs).inspect_err(|_| {
            self.bury(node);
        })?;
        let pid = child.pid();
        if let Some(member) = self.members.get_mut(&node) {
            member.child = Some(child);
        }
        tokio::spawn(watch::worker(node, control, handle, self.happenings.clone()));
        Ok(pid)
    }

    /// Starts a process, and watches for its exit.
    fn start(&mut self, generation: Generation, control: OwnedFd) -> io::Result<(Child, Readable)> {
        let child = self.start.spawn(self.images.of(generation)?, control)?;
        let handle = child.handle().and_then(Readable::new);
        let handle = handle.inspect_err(|_| child.end())?;
        Ok((child, handle))
    }

    fn seat(&mut self) -> io::Result<u16> {
        let seat = self.free_seats.pop();
        let seat = seat.ok_or_else(|| io::Error::other(format!("{SEATS} processes are enough")))?;
        self.places.reset(seat);
        Ok(seat)
    }

    fn admit(&mut self, node: NodeId, control: OwnedFd, member: Member) {
        let (slot, welcome) = (member.slot, self.welcome(node, &member));
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

    fn welcome(&self, node: NodeId, member: &Member) -> Welcome {
        let listeners = self.places.of(member.generation);
        Welcome {
            protocol: PROTOCOL,
            node: node.0,
            slot: member.slot,
            generation: member.generation,
            seat: member.seat,
            nodes: self.settings.nodes,
            slots: self.places.slots().into_inner(),
            listens: !listeners.is_empty() && self.serves(member.slot),
            listeners,
            drain_timeout: self.settings.drain_timeout,
            drain_grace: self.settings.drain_grace,
            readiness: self.settings.readiness,
            beat: None,
            beat_at: None,
            pool: match self.settings.flavor {
                Flavor::CurrentThread => None,
                Flavor::MultiThread { worker_threads } => Some(worker_threads.unwrap_or(0)),
            },
        }
    }

    /// `node` can serve: from now on its slot's connections are its own.
    pub(super) fn ready(&mut self, node: NodeId) {
        let Some(member) = self.members.get(&node) else {
            return;
        };
        if !self.serves(member.slot) {
            return;
        }
        self.places.seat(member.generation, member.slot, member.seat);
        let slot = member.slot;
        if self.vacant.remove(&slot) {
            self.tell_siblings();
        }
    }

    /// So many nodes serve from now on. Slots that never had sockets get theirs; those of slots
    /// that retire stay, and what comes to them is served by the others.
    ///
    /// # Errors
    /// As [`Places::ensure`]; then the count is what it was.
    #[allow(dead_code)] // called once the count changes
    pub(super) fn set_count(&mut self, nodes: u16) -> io::Result<()> {
        let settings = Settings { nodes, ..self.settings.clone() };
        for slot in settings.serving_slots() {
            if self.places.ensure(slot)? {
                self.give_outboxes_of(slot);
            }
        }
        self.settings = settings;
        let last_slot = *self.places.slots().end();
        for node in self.members.keys() {
            self.hands.tell(*node, &ToNode::Count { nodes, last_slot });
        }
        Ok(())
    }

    /// Lets every node pass connections to a slot that is new.
    fn give_outboxes_of(&mut self, slot: Slot) {
        for (node, member) in &self.members {
            let serves = self.settings.serving_slots().contains(&member.slot);
            for listening in self.places.of(member.generation).iter().filter(|_| serves) {
                self.hands.give(*node, Parcel::Outboxes(listening.id, slot..=slot));
            }
        }
    }

    /// Has every node look again whose queue it must watch.
    fn tell_siblings(&self) {
        for (node, member) in &self.members {
            if self.serves(member.slot) {
                self.hands.tell(*node, &ToNode::SiblingsChanged);
            }
        }
    }

    /// Lets nobody connect any more.
    pub(super) fn refuse(&self) {
        self.places.refuse();
    }

    /// Ends listening.
    pub(super) fn close(&self) {
        self.places.close();
    }

    /// Removes what the program leaves in the file system: it ends.
    pub(super) fn remove_files(&self) {
        self.places.remove_files();
    }

    /// Tells `node` to drain.
    pub(super) fn drain(&mut self, node: NodeId, timeout: Duration) {
        self.hands.tell(node, &ToNode::Drain { timeout });
    }

    pub(super) fn kill(&self, node: NodeId) {
        if let Some(child) = self.members.get(&node).and_then(|member| member.child.as_ref())
            && let Err(error) = child.kill()
        {
            report::warn!("node {node}, pid {}: cannot be killed: {error}", child.pid());
        }
    }

    /// Takes the status of a node whose process has exited and lets go of all that was its.
    pub(super) fn bury(&mut self, node: NodeId) -> ExitStatus {
        let Some(member) = self.members.remove(&node) else {
            return ExitStatus::Unknown;
        };
        self.hands.close(node);
        if self.places.vacate(member.slot, member.seat) {
            self.vacant.insert(member.slot);
            self.tell_siblings();
        }
        self.free_seats.push(member.seat);
        member.child.and_then(|child| child.reap()).unwrap_or(ExitStatus::Unknown)
    }

    /// Lets go of the program files that neither `current` nor any live node runs.
    pub(super) fn forget_images(&mut self, current: Generation) {
        let members = &self.members;
        self.images.keep(|generation| {
            let runs = |member: &Member| member.child.is_some() && member.generation == generation;
            generation == current || members.values().any(runs)
        });
    }

    /// Gives `node` the sockets that `slot` has of a listener, to watch.
    pub(super) fn lend(&mut self, node: NodeId, listener: u16, slot: Slot) {
        if self.places.get(listener, slot).is_some() {
            self.hands.give(node, Parcel::Lent(listener, slot));
        }
    }

    /// Whether the node in `slot` accepts connections, if there is anything to accept from.
    fn serves(&self, slot: Slot) -> bool {
        self.settings.serving_slots().contains(&slot)
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

    /// How many links may be made now without hoarding sockets that wait to be handed out.
    pub(super) fn has_room_for_links(&self) -> bool {
        self.hands.links_waiting() < super::handing::LINKS_WAITING
    }

    pub(super) fn received(&mut self, node: NodeId, fds: u16) {
        self.hands.received(node, fds);
    }

    /// Sends what fits into the window of fds in flight; whether all of it could be sent.
    pub(super) fn hand_out(&mut self) -> bool {
        self.hands.send(&self.places)
    }
}
