//! Where links and handlers meet.
//!
//! It takes links over, runs the handlers on the channels that open, and sends to one or to all.
//! What opens is `registry`'s to decide, bytes are `link`'s, and sockets are the master's to make.

use std::any::TypeId;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::time::Instant;

use tokio::net::UnixStream;
use tokio::runtime::Handle;

use super::broadcast::{self, Broadcast};
use super::exchange::Exchanges;
use super::handler;
use super::members::Members;
use super::peer::{self, Peer};
use super::registry::{Asked, OnChannel, Registry, Taken};
use super::request::Intake;
use super::stream::NodeStream;
use super::topic::{self, Directory, Topic, TopicNameError};
use crate::config::{Messaging, NodeId};
use crate::link::channel::{ChannelConfig, MAX_FRAME};
use crate::link::connection::{Link, Owner};
use crate::link::control::LinkKind;
use crate::link::error::{BroadcastError, SendToError};
use crate::link::frame::Broken;
use crate::link::hello::{Close, Offer};
use crate::link::message::Message;
use crate::link::pool::Pool;
use crate::link::wire;
use crate::report;

/// The most bytes that [`Message::NAME`] may have.
const MAX_NAME: usize = 255;

/// The messaging of one node. Cheap to clone; usable from any thread.
#[derive(Clone)]
pub(crate) struct Hub(Arc<Shared>);

type OnStream = Arc<dyn Fn(&Handle, NodeStream) + Send + Sync>;

type Want = Box<dyn Fn(LinkKind) + Send + Sync>;

struct Shared {
    me: NodeId,
    runtime: Handle,
    want: Want,
    pool: Arc<Pool>,
    wanted: Once,
    registry: Mutex<Registry>,
    topics: Arc<Directory>,
    streams: Mutex<Streams>,
    exchanges: Exchanges,
    intake: Arc<Intake>,
    members: Members,
}

/// A [`Hub`] that does not keep it: for what it keeps itself.
#[derive(Clone)]
pub(super) struct WeakHub(Weak<Shared>);

impl WeakHub {
    /// `None` when the node itself is gone.
    pub(super) fn upgrade(&self) -> Option<Hub> {
        self.0.upgrade().map(Hub)
    }
}

/// The handler of streams, and those that came before it.
#[derive(Default)]
struct Streams {
    handler: Option<OnStream>,
    early: Vec<(NodeId, OwnedFd)>,
}

impl Hub {
    /// A node without links. `want` is called when the first handler of a kind is registered;
    /// links, handlers and what they spawn run on `runtime`.
    pub(crate) fn new(me: NodeId, messaging: Messaging, runtime: Handle, want: Want) -> Self {
        let (pool, topics) = (Pool::new(messaging), Directory::new(me, runtime.clone()));
        let (registry, streams) = (Mutex::default(), Mutex::default());
        let (wanted, exchanges, members) = (Once::new(), Exchanges::default(), Members::new(me));
        Hub(Arc::new(Shared {
            me,
            runtime,
            want,
            pool,
            wanted,
            registry,
            topics,
            streams,
            exchanges,
            intake: Arc::default(),
            members,
        }))
    }

    pub(super) fn downgrade(&self) -> WeakHub {
        WeakHub(Arc::downgrade(&self.0))
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.0.runtime
    }

    pub(super) fn exchanges(&self) -> &Exchanges {
        &self.0.exchanges
    }

    /// How many requests it handles, and whether it takes more.
    pub(super) fn intake(&self) -> &Arc<Intake> {
        &self.0.intake
    }

    pub(super) fn id(&self) -> NodeId {
        self.0.me
    }

    /// Who is there, linked or not.
    pub(super) fn members(&self) -> &Members {
        &self.0.members
    }

    /// Takes over a connected, non-blocking socket to another node.
    pub(crate) fn link(&self, peer: NodeId, kind: LinkKind, socket: OwnedFd) {
        match kind {
            LinkKind::Messages => self.0.link(peer, socket),
            LinkKind::Stream => self.0.stream(peer, socket),
        }
    }

    /// There is a link of this kind to every node that asked for them before this one did.
    pub(crate) fn all_linked(&self, kind: LinkKind) {
        match kind {
            LinkKind::Messages => self.0.topics.all_linked(),
            // Streams are the user's to wait for.
            LinkKind::Stream => {}
        }
    }

    /// Runs `handler` once for every other node, those there and those to come.
    ///
    /// # Panics
    /// When there is a handler for `M`, or for another type of its name, already; when the name
    /// is longer than 255 bytes.
    #[track_caller]
    pub(crate) fn on_node<M, F, Fut>(&self, config: ChannelConfig, handler: F)
    where
        M: Message,
        F: Fn(Peer<M>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (handler, hub) = (Arc::new(handler), self.downgrade());
        let on_channel: OnChannel = Arc::new(move |runtime, channel| {
            let peer = Peer::new(Arc::clone(&channel), config.window, hub.clone());
            let (node, handler) = (channel.node(), Arc::clone(&handler));
            let running = handler::run(node, M::NAME, move || handler(peer));
            runtime.spawn(async move {
                if running.await.is_err() {
                    channel.abort(Close::Panicked);
                }
            });
        });
        let offer = config.offer(M::NAME.to_owned(), M::FINGERPRINT);
        match self.ask(Asked { of: TypeId::of::<M>(), offer, config, on_channel }) {
            Ok(()) => {}
            Err(Taken::Type) => {
                panic!("`on_node` was called before for the message type {}", M::NAME)
            }
            Err(Taken::Name) => {
                panic!("`on_node` was called before for another type of the name {}", M::NAME)
            }
        }
    }

    /// Asks every node, those linked later too, for the channel of a type.
    ///
    /// # Errors
    /// When the type or its name has been asked for before.
    ///
    /// # Panics
    /// When the name is longer than 255 bytes.
    #[track_caller]
    pub(super) fn ask(&self, asked: Asked) -> Result<(), Taken> {
        let name = &asked.offer.name;
        assert!(
            name.len() <= MAX_NAME,
            "the message name {name:?} is longer than {MAX_NAME} bytes"
        );
        let opened = self.0.registry().ask(asked);
        opened?.into_iter().for_each(|opened| opened.handle(&self.0.runtime));
        self.want_links();
        Ok(())
    }

    /// Asks for links, once, and on each of them for the channel of topics.
    fn want_links(&self) {
        self.0.wanted.call_once(|| {
            let opened = self.0.registry().ask(topic::asked(&self.0.topics));
            opened.into_iter().flatten().for_each(|opened| opened.handle(&self.0.runtime));
            (self.0.want)(LinkKind::Messages);
        });
    }

    /// The topic of that name, of messages of one type.
    ///
    /// # Errors
    /// When the name is none.
    ///
    /// # Panics
    /// When that of `M` is longer than 255 bytes.
    #[track_caller]
    pub(crate) fn topic<M: Message>(&self, name: &str) -> Result<Topic<M>, TopicNameError> {
        let topic = Topic::new(&self.0.topics, name)?;
        self.want_links();
        Ok(topic)
    }

    /// Runs `handler` once for every other node, with a raw stream to it.
    ///
    /// # Panics
    /// When there is a handler for streams already.
    #[track_caller]
    pub(crate) fn on_node_stream<F, Fut>(&self, handler: F)
    where
        F: Fn(NodeStream) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let on_stream: OnStream = Arc::new(move |runtime, stream| {
            let (node, handler) = (stream.id(), Arc::clone(&handler));
            runtime.spawn(handler::run(node, "stream", move || handler(stream)));
        });
        let mut streams = self.0.streams();
        let first = streams.handler.is_none();
        streams.handler.get_or_insert(on_stream);
        let early = std::mem::take(&mut streams.early);
        drop(streams);
        assert!(first, "`on_node_stream` was called before");
        (self.0.want)(LinkKind::Stream);
        early.into_iter().for_each(|(peer, socket)| self.0.stream(peer, socket));
    }

    #[cfg(test)]
    pub(crate) fn topics(&self) -> &Directory {
        &self.0.topics
    }

    /// Sends to every node whose channel is open now, after waiting for room where there is none.
    ///
    /// Dropped before it is done, it reached some of them; each got the whole message or nothing.
    ///
    /// # Errors
    /// When the message cannot be encoded.
    pub(crate) async fn broadcast<M: Message>(
        &self,
        message: &M,
    ) -> Result<Broadcast, BroadcastError> {
        let channels = self.0.registry().channels(TypeId::of::<M>());
        let bytes = broadcast::encode(message, MAX_FRAME)?;
        Ok(broadcast::to_all(channels, &bytes).await)
    }

    /// Sends to every node whose channel is open and has room now.
    ///
    /// # Errors
    /// When the message cannot be encoded.
    pub(crate) fn try_broadcast<M: Message>(
        &self,
        message: &M,
    ) -> Result<Broadcast, BroadcastError> {
        let channels = self.0.registry().channels(TypeId::of::<M>());
        let bytes = broadcast::encode(message, MAX_FRAME)?;
        Ok(broadcast::try_to_all(channels, &bytes))
    }

    /// Sends to one node.
    ///
    /// # Errors
    /// [`SendToError::NotOpen`] when no channel of this type is open to it; otherwise as
    /// [`Peer::send`].
    pub(crate) async fn send_to<M: Message>(
        &self,
        node: NodeId,
        message: &M,
    ) -> Result<(), SendToError> {
        let channel = self.0.registry().channel(TypeId::of::<M>(), node);
        let channel = channel.ok_or(SendToError::NotOpen { node })?;
        Ok(peer::send(&channel, message).await?)
    }

    /// The nodes whose channel of this type is open: they receive what is sent to them.
    pub(crate) fn peers<M: Message>(&self) -> Vec<NodeId> {
        let channels = self.0.registry().channels(TypeId::of::<M>());
        channels.iter().map(|channel| channel.node()).collect()
    }

    /// Which way the only link writes.
    #[cfg(test)]
    pub(super) fn way(&self) -> &'static str {
        self.0.registry().links().first().map_or("none", |link| link.way())
    }

    /// Waits until what was accepted so far is with the kernel, so that it arrives whatever
    /// happens to this process; returns the nodes for which that took longer than `deadline`.
    pub(crate) async fn flush(&self, deadline: Instant) -> Vec<NodeId> {
        let links = self.0.registry().links();
        let mut late = Vec::new();
        for link in links {
            let flushed = tokio::time::timeout_at(deadline.into(), link.flush()).await;
            if flushed.is_err() {
                late.push(link.peer());
            }
        }
        late
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("node", &self.0.me).finish_non_exhaustive()
    }
}

impl Shared {
    fn link(self: &Arc<Self>, peer: NodeId, socket: OwnedFd) {
        let Some(ends) = self.register(peer, || wire::ends(socket, &self.pool)) else {
            return;
        };
        let link = Link::new(self.me, peer, Arc::clone(&self.pool));
        self.topics.expect(peer);
        self.registry().add(&link);
        self.members.linked(peer);
        let owner: Arc<dyn Owner> = Arc::<Shared>::clone(self);
        link.run(ends, owner, &self.runtime);
    }

    fn stream(&self, peer: NodeId, socket: OwnedFd) {
        let mut streams = self.streams();
        let Some(on_stream) = streams.handler.clone() else {
            streams.early.push((peer, socket));
            return;
        };
        drop(streams);
        if let Some(socket) = self.register(peer, || UnixStream::from_std(socket.into())) {
            on_stream(&self.runtime, NodeStream::new(peer, socket));
        }
    }

    /// Registers a socket with this node's runtime; when that fails there is a line in the log.
    fn register<T>(&self, peer: NodeId, register: impl FnOnce() -> io::Result<T>) -> Option<T> {
        let _context = self.runtime.enter();
        register().inspect_err(|error| report::error!("no link to node {peer}: {error}")).ok()
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owner for Shared {
    fn offered(&self, link: &Arc<Link>, remote: u16, offer: Offer) -> Result<(), Broken> {
        let opened = self.registry().offered(link, remote, offer)?;
        if let Some(opened) = opened {
            opened.handle(&self.runtime);
        }
        Ok(())
    }

    fn ended(&self, link: &Arc<Link>) {
        if self.registry().remove(link) {
            self.topics.gone(link.peer());
        }
        self.members.unlinked(link.peer());
    }
}
