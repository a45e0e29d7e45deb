//! What user code holds: [`Nodes`], and through it the listener, the peers and the shutdown.
//!
//! Nothing here starts, signals or reaps a process; that is the master's, and the two meet only
//! in the control protocol.

mod accept;
#[cfg(feature = "axum")]
mod axum;
mod beat;
mod broadcast;
mod connection;
pub(crate) mod control;
mod events;
mod exchange;
mod fds;
mod feed;
mod framed;
mod hand_over;
mod handler;
#[cfg(feature = "http")]
mod http;
mod hub;
mod life;
mod listener;
mod listeners;
mod members;
mod messages;
mod peer;
mod registry;
mod request;
pub(crate) mod run;
#[cfg(feature = "http")]
mod serve;
mod shares;
mod stream;
mod topic;
// What is promised of messages is promised whichever way they go.
#[cfg(test)]
#[path = "tests/mod.rs"]
mod tests_over_sockets;

#[cfg(test)]
#[path = "tests/mod.rs"]
#[allow(clippy::duplicate_mod)]
mod tests_over_rings;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub use accept::OpenGuard;
pub use broadcast::Broadcast;
pub use connection::Connection;
pub use events::Events;
pub use framed::{Framed, FramedRecvError, FramedSendError};
pub use hand_over::{HandOverError, NotHandedOver};
pub use listener::Listener;
pub use members::Membership;
pub use peer::{Peer, Sender};
pub use request::{Asker, ReplyError, RequestError};
#[cfg(feature = "http")]
pub use serve::{CloseOnDrain, CloseOnDrainFuture, CloseOnDrainLayer};
pub use shares::{ShareError, SharedBytes};
pub use stream::NodeStream;
pub use topic::{Delivery, SubscribeConfig, Subscription, Topic, TopicNameError};

use control::Control;
use events::Feed;
use hub::Hub;
use life::Life;
use listeners::Listeners;
use shares::Shares;

use crate::config::{Generation, NodeId, Slot};
use crate::event::MembershipEvent;
use crate::link::control::{ToMaster, Welcome};
use crate::sys::signal::Signals;

/// This node and its way to all the others: what `main` gets. Cheap to clone, usable from any
/// task and any thread.
#[derive(Clone)]
pub struct Nodes(Arc<Inner>);

struct Inner {
    id: NodeId,
    slot: Slot,
    generation: Generation,
    is_master: bool,
    len: AtomicUsize,
    listens: bool,
    drain_timeout: Duration,
    #[cfg(feature = "http")]
    drain_grace: Duration,
    life: Arc<Life>,
    control: Arc<Control>,
    listeners: Arc<Listeners>,
    hub: Hub,
    shares: Arc<Shares>,
    events: Feed,
}

impl Nodes {
    /// Makes the node that `welcome` describes; its tasks run on `runtime`.
    pub(crate) fn new(
        control: Control,
        welcome: Welcome,
        fds: Vec<OwnedFd>,
        is_master: bool,
        runtime: tokio::runtime::Handle,
    ) -> io::Result<Nodes> {
        let id = NodeId(welcome.node);
        let life = Arc::new(Life::new(welcome.readiness));
        let control = Arc::new(control);
        let listeners = Arc::new(Listeners::new(&welcome, fds, &life, &control)?);
        let hub = Hub::new(id, welcome.messaging, runtime, control::asker(Arc::clone(&control)));
        let there = welcome.members.iter().map(|node| MembershipEvent::Joined(NodeId(*node)));
        there.for_each(|joined| hub.members().heard(&joined));
        Ok(Nodes(Arc::new(Inner {
            id,
            slot: welcome.slot,
            generation: welcome.generation,
            is_master,
            len: AtomicUsize::new(welcome.nodes.into()),
            listens: welcome.listens,
            drain_timeout: welcome.drain_timeout,
            #[cfg(feature = "http")]
            drain_grace: welcome.drain_grace,
            life,
            shares: Shares::new(Arc::clone(&control)),
            control,
            listeners,
            hub,
            events: Feed::default(),
        })))
    }

    /// Starts to listen to the master, and to `signals` in a worker.
    pub(crate) fn start_control(&self, signals: Option<Signals>) -> io::Result<()> {
        control::start(Arc::clone(&self.0), signals)
    }

    /// This node's number: unique in the life of the program, never used again.
    pub fn id(&self) -> NodeId {
        self.0.id
    }

    /// Whether this node runs in the process that the user started, which supervises the others.
    ///
    /// A reload replaces it by another node in the same process: ask this, not for the number.
    pub fn is_master(&self) -> bool {
        self.0.is_master
    }

    /// This node's place, which its successor has after it: 0 for the master, 1 and up for the
    /// workers. In a reload a worker stands in for the master, in slot 0.
    pub fn slot(&self) -> usize {
        self.0.slot.into()
    }

    /// Which reload this node came with: 0 in what was started first. Each reload has the next
    /// number, one that fails too.
    pub fn generation(&self) -> u32 {
        self.0.generation
    }

    /// How many nodes serve: the option `nodes`, and what SIGTTIN and SIGTTOU made of it.
    #[allow(clippy::len_without_is_empty)] // There is always one.
    pub fn len(&self) -> usize {
        self.0.len.load(Ordering::Relaxed)
    }

    /// Whether this node accepts connections: all do but a master with `master_listen = false`,
    /// and none with `listen = none`.
    pub fn listens(&self) -> bool {
        self.0.listens
    }

    /// Where the first listener that has a port listens, with the one that the kernel chose for
    /// port 0; `None` when none has, as with `listen = none`.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.0.listeners.inet_addr()
    }

    /// The listener of this node, or the first of several. In a node that does not
    /// [listen](Nodes::listens) its `accept` never returns.
    pub fn listener(&self) -> Listener {
        Listener::new(self.0.listeners.first().cloned())
    }

    /// The listener with this name, of the option `listen`; that of `port` and `host` is called
    /// "main".
    ///
    /// # Errors
    /// `NotFound` when there is none, with the names that there are.
    pub fn listener_named(&self, name: &str) -> io::Result<Listener> {
        Ok(Listener::new(self.0.listeners.named(name)?.clone()))
    }

    /// Tells the master that this node can serve.
    ///
    /// The first poll of `accept` or `serve` says so by itself, and so do `into_std` and
    /// `into_tokio`; only a program that does neither needs this. With `ready = "explicit"` nothing
    /// else says it, and it is due within `start_timeout`: load what the first request would wait
    /// for, then call this. Until then `accept` and `serve` take no connection; what queues at
    /// this node's slot is served by its predecessor and by the other nodes.
    ///
    /// The first call counts, later ones do nothing.
    pub fn ready(&self) {
        become_ready(&self.0.life, &self.0.control);
    }

    /// Whether new requests are welcome here: from when this node is ready until it drains, or
    /// until the program was told to stop and waits for `drain_delay`. What a readiness probe
    /// should answer.
    pub fn is_ready(&self) -> bool {
        self.0.life.is_ready()
    }

    /// A future that resolves when this node is to drain: accept nothing new, finish what is in
    /// flight, return from `main`. The program stops then, or a successor takes this node's place;
    /// that of the master's node in a reload is the next `main` in the same process.
    ///
    /// To call it is to promise that `main` will return then: the node is given `drain_timeout`
    /// to do so. A `main` that never called it is left behind once its last [`Connection`]
    /// closed.
    ///
    /// [`Connection`]: crate::Connection
    pub fn shutdown(&self) -> impl Future<Output = ()> + Send + 'static {
        self.0.life.shutdown()
    }

    /// Whether this node is to drain.
    pub fn draining(&self) -> bool {
        self.0.life.draining()
    }
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nodes")
            .field("id", &self.0.id)
            .field("slot", &self.0.slot)
            .field("generation", &self.0.generation)
            .field("is_master", &self.0.is_master)
            .finish_non_exhaustive()
    }
}

fn become_ready(life: &Life, control: &Control) {
    if life.become_ready() {
        control.say(&ToMaster::Ready);
    }
}
