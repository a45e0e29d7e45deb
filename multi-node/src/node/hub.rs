//! Where links and handlers meet: which message types this node asked for, which the others did,
//! and which channels are therefore open.
//!
//! It decides what a channel's opening takes (both sides asked, the fingerprints agree) and runs
//! the handlers; bytes are `link`'s. It makes no socket: the master does, and `link` brings it.

use std::any::TypeId;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::Future;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::net::UnixStream;
use tokio::runtime::Handle;

use super::broadcast::{self, Broadcast};
use super::handler;
use super::peer::{self, Peer};
use super::stream::NodeStream;
use crate::config::NodeId;
use crate::link::channel::{Channel, ChannelConfig, MAX_FRAME};
use crate::link::codec::{self, EncodeError};
use crate::link::connection::{Link, Owner};
use crate::link::control::LinkKind;
use crate::link::error::{BroadcastError, SendToError};
use crate::link::frame::Broken;
use crate::link::hello::{Close, Offer};
use crate::link::message::Message;
use crate::link::pool::Pool;

/// The most bytes that [`Message::NAME`] may have.
const MAX_NAME: usize = 255;

/// The messaging of one node. Cheap to clone; usable from any thread.
#[derive(Clone)]
pub(crate) struct Hub(Arc<Shared>);

type Want = Box<dyn Fn(LinkKind) + Send + Sync>;
type OnChannel = Arc<dyn Fn(&Handle, Arc<Channel>) + Send + Sync>;
type OnStream = Arc<dyn Fn(&Handle, NodeStream) + Send + Sync>;

struct Shared {
    me: NodeId,
    runtime: Handle,
    want: Want,
    pool: Arc<Pool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// A type's place here is its number on every link.
    asked: Vec<Asked>,
    links: HashMap<NodeId, Linked>,
    on_stream: Option<OnStream>,
    /// Streams that came before their handler.
    streams: Vec<(NodeId, OwnedFd)>,
    /// Disagreements that are in the log already: name and the others' fingerprint.
    reported: HashSet<(String, u64)>,
}

/// A message type that this node has a handler for.
struct Asked {
    of: TypeId,
    offer: Offer,
    config: ChannelConfig,
    on_channel: OnChannel,
}

/// A link, and what the other side asked for on it.
struct Linked {
    link: Arc<Link>,
    offers: HashMap<String, (u16, Offer)>,
}

impl Hub {
    /// A node without links. `want` is called when the first handler of a kind is registered;
    /// links, handlers and what they spawn run on `runtime`.
    pub(crate) fn new(me: NodeId, runtime: Handle, want: Want) -> Self {
        let (pool, state) = (Arc::default(), Mutex::default());
        Hub(Arc::new(Shared { me, runtime, want, pool, state }))
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
        let mut state = self.0.state();
        let taken = state.asked.iter().find(|other| other.offer.name == name).map(|other| other.of);
        let (of, first) = (asked.of, state.asked.is_empty());
        if taken.is_none() {
            state.ask(asked, &self.0.runtime);
        }
        drop(state);
        assert!(taken != Some(of), "`on_node` was called before for the message type {name}");
        assert!(taken.is_none(), "`on_node` was called before for another type of the name {name}");
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
        let mut state = self.0.state();
        let first = state.on_stream.is_none();
        if first {
            state.on_stream = Some(on_stream);
        }
        let early = std::mem::take(&mut state.streams);
        drop(state);
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
        let channels = self.open_channels::<M>();
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
        let channel = self.channel_to::<M>(node).ok_or(SendToError::NotOpen { node })?;
        Ok(peer::send(&channel, message).await?)
    }

    /// The nodes whose channel of this type is open: they receive what is sent to them.
    pub(crate) fn peers<M: Message>(&self) -> Vec<NodeId> {
        self.open_channels::<M>().iter().map(|channel| channel.node()).collect()
    }

    /// Waits until what was accepted so far is with the kernel, so that it arrives whatever
    /// happens to this process; returns the nodes for which that took longer than `deadline`.
    pub(crate) async fn flush(&self, deadline: Instant) -> Vec<NodeId> {
        let mut links: Vec<Arc<Link>> =
            self.0.state().links.values().map(|linked| Arc::clone(&linked.link)).collect();
        links.sort_unstable_by_key(|link| link.peer());
        let mut late = Vec::new();
        for link in links {
            if tokio::time::timeout_at(deadline.into(), link.flush()).await.is_err() {
                late.push(link.peer());
            }
        }
        late
    }

    fn channel_to<M: Message>(&self, node: NodeId) -> Option<Arc<Channel>> {
        let state = self.0.state();
        let number = state.number(TypeId::of::<M>())?;
        let channel = state.links.get(&node)?.link.channel(number)?;
        drop(state);
        channel.closed().is_none().then_some(channel)
    }

    /// In ascending order of the nodes.
    fn open_channels<M: Message>(&self) -> Vec<Arc<Channel>> {
        let state = self.0.state();
        let Some(number) = state.number(TypeId::of::<M>()) else { return Vec::new() };
        let links = state.links.values();
        let mut channels: Vec<_> = links.filter_map(|linked| linked.link.channel(number)).collect();
        drop(state);
        channels.retain(|channel| channel.closed().is_none());
        channels.sort_unstable_by_key(|channel| channel.node());
        channels
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("node", &self.0.me).finish_non_exhaustive()
    }
}

impl Shared {
    fn link(self: &Arc<Self>, peer: NodeId, socket: OwnedFd) {
        let Some(socket) = self.adopt(peer, socket) else { return };
        let link = Link::new(self.me, peer, Arc::clone(&self.pool));
        let mut state = self.state();
        for (number, asked) in (0..).zip(&state.asked) {
            link.announce(number, &asked.offer);
        }
        state.links.insert(peer, Linked { link: Arc::clone(&link), offers: HashMap::new() });
        drop(state);
        let owner: Arc<dyn Owner> = Arc::<Shared>::clone(self);
        link.run(socket, owner, &self.runtime);
    }

    fn stream(&self, peer: NodeId, socket: OwnedFd) {
        let mut state = self.state();
        let Some(on_stream) = state.on_stream.clone() else {
            state.streams.push((peer, socket));
            return;
        };
        drop(state);
        if let Some(socket) = self.adopt(peer, socket) {
            on_stream(&self.runtime, NodeStream::new(peer, socket));
        }
    }

    fn adopt(&self, peer: NodeId, socket: OwnedFd) -> Option<UnixStream> {
        let _context = self.runtime.enter();
        let socket = StdUnixStream::from(socket);
        let adopted = socket.set_nonblocking(true).and_then(|()| UnixStream::from_std(socket));
        adopted
            .inspect_err(|error| tracing::error!(node = %peer, "no link to node {peer}: {error}"))
            .ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owner for Shared {
    fn offered(&self, link: &Arc<Link>, remote: u16, offer: Offer) -> Result<(), Broken> {
        let mut state = self.state();
        let Some(linked) = state.links.get_mut(&link.peer()) else { return Ok(()) };
        let name = offer.name.clone();
        if linked.offers.insert(name.clone(), (remote, offer)).is_some() {
            return Err(Broken::Turn(crate::link::frame::Kind::Open));
        }
        let number = state.asked.iter().position(|asked| asked.offer.name == name);
        if let Some(number) = number {
            state.meet(link.peer(), number, &self.runtime);
        }
        Ok(())
    }

    fn ended(&self, link: &Arc<Link>) {
        let mut state = self.state();
        let current = state.links.get(&link.peer());
        if current.is_some_and(|linked| Arc::ptr_eq(&linked.link, link)) {
            state.links.remove(&link.peer());
        }
    }
}

impl State {
    fn ask(&mut self, asked: Asked, runtime: &Handle) {
        let number = self.asked.len();
        let Ok(announced) = u16::try_from(number) else { return };
        for linked in self.links.values() {
            linked.link.announce(announced, &asked.offer);
        }
        self.asked.push(asked);
        let nodes: Vec<NodeId> = self.links.keys().copied().collect();
        nodes.into_iter().for_each(|node| self.meet(node, number, runtime));
    }

    /// Opens the channel of an asked type to a node, if that node asked for the same.
    fn meet(&mut self, node: NodeId, number: usize, runtime: &Handle) {
        let (Some(asked), Some(linked)) = (self.asked.get(number), self.links.get(&node)) else {
            return;
        };
        let Some((remote, theirs)) = linked.offers.get(&asked.offer.name) else { return };
        if theirs.fingerprint != asked.offer.fingerprint {
            if self.reported.insert((theirs.name.clone(), theirs.fingerprint)) {
                report_mismatch(node, &asked.offer, theirs);
            }
            return;
        }
        let Ok(local) = u16::try_from(number) else { return };
        if let Some(channel) = linked.link.open((local, asked.config), (*remote, theirs)) {
            (asked.on_channel)(runtime, channel);
        }
    }

    fn number(&self, of: TypeId) -> Option<u16> {
        let at = self.asked.iter().position(|asked| asked.of == of)?;
        u16::try_from(at).ok()
    }
}

fn report_mismatch(node: NodeId, ours: &Offer, theirs: &Offer) {
    tracing::warn!(
        %node,
        "no channel to node {node}: its message {} ({:016x}) is not this node's {} ({:016x}); \
         the two run different definitions",
        theirs.name, theirs.fingerprint, ours.name, ours.fingerprint,
    );
}
