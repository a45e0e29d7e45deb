//! Which message types this node asked for, which the others did, and which channels that opens.
//!
//! It decides; frames are `link`'s, and a handler is run by who opened its channel, outside of
//! the lock that guards this.

use std::any::TypeId;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::config::NodeId;
use crate::link::channel::{Channel, ChannelConfig};
use crate::link::connection::Link;
use crate::link::frame::{Broken, Kind};
use crate::link::hello::Offer;
use crate::report;

/// Starts the handler of a type on a channel that has just opened.
pub(super) type OnChannel = Arc<dyn Fn(&Handle, Arc<Channel>) + Send + Sync>;

/// The types and links of one node. See the module.
#[derive(Default)]
pub(super) struct Registry {
    /// A type's place here is its number on every link.
    asked: Vec<Asked>,
    links: HashMap<NodeId, Linked>,
    /// Disagreements that are in the log already: name and the others' fingerprint.
    reported: HashSet<(String, u64)>,
}

/// A message type that this node has a handler for.
pub(super) struct Asked {
    pub(super) of: TypeId,
    pub(super) offer: Offer,
    pub(super) config: ChannelConfig,
    pub(super) on_channel: OnChannel,
}

/// Why a type cannot be asked for.
pub(super) enum Taken {
    /// It was asked for before.
    Type,
    /// Another type of its name was.
    Name,
}

/// A link, and what the other side asked for on it.
struct Linked {
    link: Arc<Link>,
    offers: HashMap<String, (u16, Offer)>,
}

impl Registry {
    /// Asks every node, those linked later too, for a type.
    ///
    /// # Errors
    /// When the type or its name has been asked for before.
    pub(super) fn ask(&mut self, asked: Asked) -> Result<Vec<Opened>, Taken> {
        if let Some(other) = self.asked.iter().find(|other| other.offer.name == asked.offer.name) {
            return Err(if other.of == asked.of { Taken::Type } else { Taken::Name });
        }
        let (place, offer) = (self.asked.len(), asked.offer.clone());
        self.asked.push(asked);
        let nodes: Vec<NodeId> = self.links.keys().copied().collect();
        let opened = nodes.into_iter().filter_map(|node| self.meet(node, place)).collect();
        // A node that asked before may send as soon as it is told: its channel is open by then.
        for linked in self.links.values() {
            linked.link.announce(wire_number(place), &offer);
        }
        Ok(opened)
    }

    /// Adds a link and asks the node there for every type.
    pub(super) fn add(&mut self, link: &Arc<Link>) {
        for (place, asked) in self.asked.iter().enumerate() {
            link.announce(wire_number(place), &asked.offer);
        }
        let linked = Linked { link: Arc::clone(link), offers: HashMap::new() };
        self.links.insert(link.peer(), linked);
    }

    /// Forgets a link; false when it was forgotten before.
    pub(super) fn remove(&mut self, link: &Arc<Link>) -> bool {
        self.linked(link).is_some() && self.links.remove(&link.peer()).is_some()
    }

    /// Notes that the node at the other end asked for a type.
    ///
    /// # Errors
    /// When it did so before.
    pub(super) fn offered(
        &mut self,
        link: &Arc<Link>,
        remote: u16,
        offer: Offer,
    ) -> Result<Option<Opened>, Broken> {
        let Some(linked) = self.linked(link) else { return Ok(None) };
        let name = offer.name.clone();
        if linked.offers.insert(name.clone(), (remote, offer)).is_some() {
            return Err(Broken::Turn(Kind::Open));
        }
        let place = self.asked.iter().position(|asked| asked.offer.name == name);
        Ok(place.and_then(|place| self.meet(link.peer(), place)))
    }

    /// Opens the channel of an asked type to a node, if that node asked for the same.
    fn meet(&mut self, node: NodeId, place: usize) -> Option<Opened> {
        let (asked, linked) = (self.asked.get(place)?, self.links.get(&node)?);
        let (remote, theirs) = linked.offers.get(&asked.offer.name)?;
        if theirs.fingerprint != asked.offer.fingerprint {
            let disagreement = (theirs.name.clone(), theirs.fingerprint);
            if self.reported.insert(disagreement) {
                report_mismatch(node, &asked.offer, theirs);
            }
            return None;
        }
        let ours = (wire_number(place), asked.config);
        let channel = linked.link.open(ours, (*remote, theirs));
        Some(Opened { channel, on_channel: Arc::clone(&asked.on_channel) })
    }

    /// The channels of a type that the other side has not closed, in ascending order of the nodes.
    pub(super) fn channels(&self, of: TypeId) -> Vec<Arc<Channel>> {
        let mut nodes: Vec<NodeId> = self.links.keys().copied().collect();
        nodes.sort_unstable();
        nodes.into_iter().filter_map(|node| self.channel(of, node)).collect()
    }

    /// The channel of a type to one node, if it is open and the other side has not closed it.
    pub(super) fn channel(&self, of: TypeId, node: NodeId) -> Option<Arc<Channel>> {
        let place = self.asked.iter().position(|asked| asked.of == of)?;
        let channel = self.links.get(&node)?.link.channel(wire_number(place))?;
        channel.closed().is_none().then_some(channel)
    }

    /// In ascending order of the nodes.
    pub(super) fn links(&self) -> Vec<Arc<Link>> {
        let links = self.links.values().map(|linked| Arc::clone(&linked.link));
        let mut links: Vec<Arc<Link>> = links.collect();
        links.sort_unstable_by_key(|link| link.peer());
        links
    }

    fn linked(&mut self, link: &Arc<Link>) -> Option<&mut Linked> {
        let linked = self.links.get_mut(&link.peer());
        linked.filter(|linked| Arc::ptr_eq(&linked.link, link))
    }
}

/// A channel that has just opened, to be handled where nothing is locked.
pub(super) struct Opened {
    channel: Arc<Channel>,
    on_channel: OnChannel,
}

impl Opened {
    pub(super) fn handle(self, runtime: &Handle) {
        (self.on_channel)(runtime, self.channel);
    }
}

/// A type's number as frames carry it; no program has 65,536 message types.
fn wire_number(place: usize) -> u16 {
    u16::try_from(place).expect("fewer than 65,536 message types")
}

fn report_mismatch(node: NodeId, ours: &Offer, theirs: &Offer) {
    report::warn!(
        "no channel to node {node}: its message {} ({:016x}) is not this node's {} ({:016x}); \
         the two run different definitions",
        theirs.name,
        theirs.fingerprint,
        ours.name,
        ours.fingerprint,
    );
}
