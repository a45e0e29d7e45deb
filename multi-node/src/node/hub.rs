//! Where links and handlers meet.
//!
//! It takes links over, runs the handlers on the channels that open, and sends to one or to all.
//! What opens is `registry`'s to decide, bytes are `link`'s, and sockets are the master's to make.

use std::any::TypeId;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::net::UnixStream;
use tokio::runtime::Handle;

use super::broadcast::{self, Broadcast};
use super::handler;
use super::members::Members;
use super::peer::{self, Peer};
use super::registry::{Asked, OnChannel, Registry, Taken};
use super::stream::NodeStream;
use crate::config::{Messaging, NodeId};
use crate::link::channel::{ChannelConfig, MAX_FRAME};
use crate::link::codec::{self, EncodeError};
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
    registry: Mutex<Registry>,
    streams: Mutex<Streams>,
    members: Members,
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
        let pool = Pool::new(messaging);
        let (registry, streams) = (Mutex::default(), Mutex::default());
        let members = Members::new(me);
        Hub(Arc::new(Shared { me, runtime, want, pool, registry, streams, members }))
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
        let handler = Arc::new(handler);
        let on_channel: OnChannel = Arc::new(move |runtime, channel| {
            let peer = Peer::new(Arc::clone(&channel), config.window);
            let (node, handler) = (channel.node(), Arc::clone(&handler));
            let running = handler::run(node, M::NAME, async move { handler(peer).await });
            runtime.spawn(async move {
                if running.await.is_err() {
                    channel.abort(Close::Panicked);
                }
            });
        });
        let offer = Offer {
            name: M::NAME.to_owned(),
            fingerprint: M::FINGERPRINT,
            window: config.window as u64,
            max_frame: config.max_frame as u64,
        };
        self.ask(Asked { of: TypeId::of::<M>(), offer, config, on_channel });
    }

    #[track_caller]
    fn ask(&self, asked: Asked) {
        let name = asked.offer.name.clone();
        assert!(
            name.len() <= MAX_NAME,
            "the message name {name:?} is longer than {MAX_NAME} bytes"
        );
        let mut registry = self.0.registry();
        let (first, opened) = (registry.is_fresh(), registry.ask(asked));
        drop(registry);
        match opened {
            Ok(opened) => opened.into_iter().for_each(|opened| opened.handle(&self.0.runtime)),
            Err(Taken::Type) => panic!("`on_node` was called before for the message type {name}"),
            Err(Taken::Name) => {
                panic!("`on_node` was called before for another type of the name {name}")
            }
        }
        if first {
            (self.0.want)(LinkKind::Messages);
        }
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
            let running = handler::run(node, "stream", async move { handler(stream).await });
            runtime.spawn(async move { running.await.unwrap_or_default() });
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
        let mut bytes = Vec::new();
        codec::encode_into(&mut bytes, message, MAX_FRAME).map_err(|error| match error {
            EncodeError::TooLarge { max } => BroadcastError::TooLarge { max },
            EncodeError::Failed(message) => BroadcastError::Encode { message },
        })?;
        Ok(broadcast::to_all(channels, &bytes).await)
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
        let Some(ends) = self.adopt(peer, socket, |socket| wire::ends(socket, &self.pool)) else {
            return;
        };
        let link = Link::new(self.me, peer, Arc::clone(&self.pool));
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
        let register = |socket| UnixStream::from_std(StdUnixStream::from(socket));
        if let Some(socket) = self.adopt(peer, socket, register) {
            on_stream(&self.runtime, NodeStream::new(peer, socket));
        }
    }

    /// Registers a socket with this node's runtime; when that fails there is a line in the log.
    fn adopt<T>(
        &self,
        peer: NodeId,
        socket: OwnedFd,
        register: impl FnOnce(OwnedFd) -> io::Result<T>,
    ) -> Option<T> {
        let _context = self.runtime.enter();
        let socket = StdUnixStream::from(socket);
        let adopted = socket.set_nonblocking(true).and_then(|()| register(socket.into()));
        adopted.inspect_err(|error| report::error!("no link to node {peer}: {error}")).ok()
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
        self.registry().remove(link);
        self.members.unlinked(link.peer());
    }
}
