//! Types that have a channel of their own to every node that has them too: those of requests, and
//! those that connections go with.
//!
//! A node makes the [`Exchange`] of a type when it first needs it, and tells the others of it then;
//! with each of them that has the type too it has a line. What is said on a line is for the
//! exchange; this sees to it that there is one of each, and that a line ends with its channel.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::runtime::Handle;

use super::handler;
use super::hub::Hub;
use super::peer::{Peer, encoder};
use super::registry::{Asked, OnChannel};
use crate::config::NodeId;
use crate::link::channel::{Channel, ChannelConfig};
use crate::link::error::TrySendError;
use crate::link::hello::{Close, Offer};
use crate::link::message::Message;

/// One type. See the module.
pub(super) trait Exchange: Send + Sync + Sized + 'static {
    /// What such a type is called, in a panic.
    const KIND: &'static str;

    /// What is said on its lines.
    type Word: Message;

    /// Its channel, under a name that no other type has.
    fn offer(config: ChannelConfig) -> Offer;

    /// The channel to a node has opened.
    fn open(self: &Arc<Self>, runtime: &Handle, channel: Arc<Channel>, peer: Peer<Self::Word>);
}

/// What there is between this node and one other for one type.
pub(super) trait Line: Send + Sync + 'static {
    fn channel(&self) -> &Arc<Channel>;

    /// The other side is gone, for all that concerns this type.
    fn end(&self);

    /// The other node.
    fn node(&self) -> NodeId {
        self.channel().node()
    }

    /// What the other side said makes no sense, or nobody here can hear it any more.
    fn abort(&self, close: Close) {
        self.channel().abort(close);
    }
}

/// The exchanges of one node.
#[derive(Default)]
pub(super) struct Exchanges {
    /// `Arc<E>` by `E`.
    by_type: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl Hub {
    /// The exchange of a type, prepared before the other nodes are told of it the first time.
    ///
    /// # Panics
    /// When another type of its kind has its name.
    #[track_caller]
    pub(super) fn exchange<E: Exchange>(
        &self,
        make: impl FnOnce() -> E,
        prepare: impl FnOnce(&E),
    ) -> Arc<E> {
        let exchanges = &self.exchanges().by_type;
        let mut exchanges = exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        let known = exchanges.get(&TypeId::of::<E>()).cloned();
        if let Some(exchange) = known.and_then(|any| any.downcast::<E>().ok()) {
            drop(exchanges);
            prepare(&exchange);
            return exchange;
        }
        let exchange = Arc::new(make());
        prepare(&exchange);
        // Those who come meanwhile wait: they are to find the lines that this opens.
        self.introduce(&exchange);
        exchanges.insert(TypeId::of::<E>(), Arc::<E>::clone(&exchange));
        exchange
    }

    #[track_caller]
    fn introduce<E: Exchange>(&self, exchange: &Arc<E>) {
        let config = ChannelConfig::new();
        let (exchange, hub) = (Arc::clone(exchange), self.downgrade());
        let on_channel: OnChannel = Arc::new(move |runtime, channel| {
            let peer = Peer::new(Arc::clone(&channel), config.window, hub.clone());
            exchange.open(runtime, channel, peer);
        });
        let of = TypeId::of::<E::Word>();
        let asked = Asked { of, offer: E::offer(config), config, on_channel };
        let (kind, name) = (E::KIND, E::Word::NAME);
        assert!(self.ask(asked).is_ok(), "another {kind} has the name {name} too");
    }
}

/// The lines of one type.
pub(super) struct Lines<L>(Mutex<HashMap<NodeId, Arc<L>>>);

impl<L: Line> Lines<L> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Lines(Mutex::default()))
    }

    /// That to a node.
    pub(super) fn get(&self, node: NodeId) -> Option<Arc<L>> {
        self.lines().get(&node).cloned()
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Arc<L>> {
        self.lines().values().cloned().collect()
    }

    /// Adds a line, and has `hear` hear what is said on it, in a task of its own: when that is over,
    /// however it ends, so is the line.
    pub(super) fn hear<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        runtime: &Handle,
        name: &'static str,
        line: Arc<L>,
        hear: impl FnOnce() -> F + Send + 'static,
    ) {
        self.lines().insert(line.node(), Arc::clone(&line));
        let hearing = handler::run(line.node(), name, hear);
        let open = Open { lines: Arc::clone(self), line };
        runtime.spawn(async move {
            // What panics there is a `Deserialize`.
            if hearing.await.is_err() {
                open.line.abort(Close::Panicked);
            }
        });
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<NodeId, Arc<L>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line that is heard, until dropped.
struct Open<L: Line> {
    lines: Arc<Lines<L>>,
    line: Arc<L>,
}

impl<L: Line> Drop for Open<L> {
    fn drop(&mut self) {
        let mut lines = self.lines.lines();
        if lines.get(&self.line.node()).is_some_and(|line| Arc::ptr_eq(line, &self.line)) {
            lines.remove(&self.line.node());
        }
        drop(lines);
        self.line.end();
    }
}

/// Says something now, or as soon as there is room; `place` is kept until then.
pub(super) fn tell<L: Line, P: Send + 'static>(
    line: &Arc<L>,
    runtime: &Handle,
    word: impl Serialize + Send + Sync + 'static,
    place: P,
) {
    if line.channel().try_send(encoder(&word)) == Err(TrySendError::Full) {
        let line = Arc::clone(line);
        runtime.spawn(async move {
            // When the channel is closed there is nobody to tell.
            let _ = line.channel().send(encoder(&word)).await;
            drop(place);
        });
    }
}
