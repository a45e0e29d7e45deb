//! Topics: messages by name, to whoever has subscribed, on whichever node.
//!
//! One channel to each other node carries all topics. From the bottom up: `frame` (its bytes),
//! `window` (what may be under way), `queue` (what waits for a subscription), `receipt` (that it was
//! received), `gate` (the way to one subscribed node), `entry` (one topic), `line` and `ear` (what
//! another node is told, and what it says), `roll` and `waiters` (who has to have said what before a
//! subscription is in effect, and who waits for it), `directory` (all of them). Nothing here waits
//! for a subscription but the `publish` that is to.

mod config;
mod directory;
mod ear;
mod entry;
mod frame;
mod gate;
mod line;
mod publish;
mod queue;
mod receipt;
mod roll;
mod subscription;
mod waiters;
mod window;

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use thiserror::Error;

pub use config::SubscribeConfig;
pub use subscription::{Delivery, Subscription};

pub(super) use directory::Directory;

use entry::Entry;
use queue::Queue;

use super::Nodes;
use super::broadcast::{self, Broadcast};
use super::registry::Asked;
use crate::config::NodeId;
use crate::link::channel::ChannelConfig;
use crate::link::error::BroadcastError;
use crate::link::message::Message;

/// The name of the channel of topics; no type of Rust has it.
const CHANNEL: &str = "multi-node/topics";

/// Raised whenever a frame of that channel changes. Two nodes that do not agree on it would wait
/// for each other: raise the protocol of links with it.
const FORMAT: u64 = 1;

/// Bytes that the name of a topic may have.
const MAX_NAME: usize = 255;

/// Bytes that an encoded message may have.
const MAX_MESSAGE: usize = 16 << 20;

/// Bytes that may be under way to a node, of all topics. It reads them at once unless it is stuck,
/// so this is what a burst may have that nobody waits for.
const WINDOW: usize = 4 << 20;

impl Nodes {
    /// The topic of that name, for messages of the type `M`: what any node publishes there goes to
    /// every subscription, on whichever node, this one too, and to no node without one.
    ///
    /// Topics need no declaration: one is there as soon as somebody names it, and takes memory as
    /// long as somebody publishes or subscribes. The same name with another message type, or with
    /// another definition of it, is another topic. Keep the [`Topic`] to publish on it often.
    ///
    /// ```no_run
    /// use multi_node::{Message, Nodes};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Debug, Serialize, Deserialize, Message)]
    /// struct Said(String);
    ///
    /// #[multi_node::main(port = 8080, nodes = 4)]
    /// async fn main(nodes: Nodes) {
    ///     let room = nodes.topic::<Said>("room.42");
    ///     let mut said = room.subscribe().await;
    ///     if let Err(error) = room.publish(&Said("hello".to_owned())).await {
    ///         eprintln!("{error}");
    ///     }
    ///     while let Some(Ok(delivery)) = said.recv().await {
    ///         println!("node {}: {:?}", delivery.from, delivery.message);
    ///     }
    /// }
    /// ```
    ///
    /// # Panics
    /// When the name is empty or longer than 255 bytes: see [`try_topic`](Nodes::try_topic). When
    /// that of `M` is longer than 255 bytes.
    #[track_caller]
    pub fn topic<M: Message>(&self, name: &str) -> Topic<M> {
        self.0.hub.topic(name).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`topic`](Nodes::topic), for a name that comes from elsewhere.
    ///
    /// # Errors
    /// When the name is empty or longer than 255 bytes.
    ///
    /// # Panics
    /// When that of `M` is longer than 255 bytes.
    #[track_caller]
    pub fn try_topic<M: Message>(&self, name: &str) -> Result<Topic<M>, TopicNameError> {
        self.0.hub.topic(name)
    }
}

/// Why a topic cannot have that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TopicNameError {
    /// It has no bytes.
    #[error("the name of a topic is empty")]
    Empty,
    /// It has more than 255 bytes.
    #[error("the name of a topic has {len} bytes, more than {MAX_NAME}")]
    TooLong {
        /// How many it has.
        len: usize,
    },
}

/// One topic: publishes, and subscribes. What [`Nodes::topic`] returns; cheap to clone.
///
/// ```
/// use multi_node::{Message, Topic};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Message)]
/// struct Tick(u64);
///
/// async fn tick(ticks: Topic<Tick>) -> Result<(), multi_node::BroadcastError> {
///     for n in 0.. {
///         let published = ticks.publish(&Tick(n)).await?;
///         if published.reached().is_empty() {
///             break; // nobody listens any more
///         }
///     }
///     Ok(())
/// }
/// # let _ = tick;
/// ```
pub struct Topic<M> {
    directory: Arc<Directory>,
    entry: Arc<Entry>,
    message: PhantomData<fn() -> M>,
}

impl<M: Message> Topic<M> {
    /// # Errors
    /// When the name is none.
    ///
    /// # Panics
    /// When that of `M` is longer than 255 bytes.
    #[track_caller]
    pub(super) fn new(directory: &Arc<Directory>, name: &str) -> Result<Self, TopicNameError> {
        let of = M::NAME;
        assert!(of.len() <= MAX_NAME, "the message name {of:?} is longer than {MAX_NAME} bytes");
        match name.len() {
            0 => return Err(TopicNameError::Empty),
            len if len > MAX_NAME => return Err(TopicNameError::TooLong { len }),
            _ => {}
        }
        let (directory, entry) =
            (Arc::clone(directory), directory.topic(M::NAME, M::FINGERPRINT, name));
        Ok(Topic { directory, entry, message: PhantomData })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.entry.name()
    }

    /// Sends a message to every node that has a subscription, this one too; encoded once, and not
    /// at all when there is none.
    ///
    /// It goes at once to all that have room. Then it waits for the others, side by side, each
    /// until there is room in the window of its subscriptions, or it is gone: by then the message
    /// is with the link, not received yet. Only subscriptions with [`WhenFull::Wait`] are waited
    /// for, or a link that is behind in reading. A publisher's messages arrive in the order in
    /// which it published them, one after another: what it publishes on one topic from several
    /// tasks at once is in no order.
    ///
    /// The first one of a node waits until that node knows what all others have subscribed to
    /// before, but no longer than 10 seconds for one that says nothing.
    ///
    /// A task that publishes to a topic and alone receives from it waits for itself once its window
    /// is full: receive in another task, or with another [`WhenFull`].
    ///
    /// Cancel-safe: dropped before it is done, it reached some of them; each got the whole message
    /// or nothing.
    ///
    /// [`WhenFull`]: crate::WhenFull
    /// [`WhenFull::Wait`]: crate::WhenFull::Wait
    ///
    /// # Errors
    /// When the message cannot be encoded, or in more than 16 MiB.
    pub async fn publish(&self, message: &M) -> Result<Broadcast, BroadcastError> {
        if !self.directory.may_publish() {
            self.directory.until_may_publish().await;
        }
        let gates = self.entry.gates();
        if gates.is_empty() {
            return Ok(Broadcast::default());
        }
        let bytes = broadcast::encode(message, MAX_MESSAGE)?;
        Ok(publish::to_all(&gates, &bytes).await)
    }

    /// Sends a message to every node that has a subscription, as far as this one has heard, and
    /// room for it now.
    ///
    /// # Errors
    /// As [`publish`](Topic::publish).
    pub fn try_publish(&self, message: &M) -> Result<Broadcast, BroadcastError> {
        let gates = self.entry.gates();
        if gates.is_empty() {
            return Ok(Broadcast::default());
        }
        Ok(publish::try_to_all(&gates, &broadcast::encode(message, MAX_MESSAGE)?))
    }

    /// Receives what is published from now on: by this node from when it is called, by the others
    /// from when it returns.
    ///
    /// It is in effect once this returns: whatever a node [publishes](Topic::publish) that has
    /// heard of that, in any way, arrives, also of a node that comes later or names a topic the
    /// first time. There are two exceptions:
    ///
    /// - A linked node that says nothing, because it is stopped or its runtime is stuck, is waited
    ///   for no longer than 10 seconds, and not again before it speaks; a line in the log names it.
    ///   What it publishes before it has caught up passes by.
    /// - A node that drains is not linked to any that names its first topic, or calls `on_node`,
    ///   after that. So do either before the node is ready.
    ///
    /// Cancel-safe: dropped before it is done, it leaves no subscription.
    pub async fn subscribe(&self) -> Subscription<M> {
        self.subscribe_with(SubscribeConfig::new()).await
    }

    /// As [`subscribe`](Topic::subscribe), with a window of its own, and a choice of what becomes
    /// of messages for which there is no room in it.
    pub async fn subscribe_with(&self, config: SubscribeConfig) -> Subscription<M> {
        let queue = Queue::new(config);
        let time = self.directory.subscribe(&self.entry, Arc::clone(&queue));
        let subscription = Subscription::new(&self.directory, &self.entry, queue);
        self.directory.known(time).await;
        subscription
    }

    /// The nodes that have a subscription, as far as this one has heard, in ascending order.
    pub fn subscribers(&self) -> Vec<NodeId> {
        self.entry.gates().iter().map(|gate| gate.node()).collect()
    }
}

impl<M> Clone for Topic<M> {
    fn clone(&self) -> Self {
        let (directory, entry) = (Arc::clone(&self.directory), Arc::clone(&self.entry));
        Topic { directory, entry, message: PhantomData }
    }
}

impl<M> fmt::Debug for Topic<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic").field("name", self.entry.name()).finish_non_exhaustive()
    }
}

/// Asks every node for the channel of topics.
///
/// Every node that has links at all does, whether it uses topics or not: who subscribes has to know
/// of each that it will not publish past the subscription.
pub(super) fn asked(directory: &Arc<Directory>) -> Asked {
    let config = ChannelConfig::new().window(WINDOW).max_frame(MAX_MESSAGE + frame::HEADER);
    let offer = config.offer(CHANNEL.to_owned(), FORMAT);
    let directory = Arc::clone(directory);
    let on_channel = Arc::new(move |runtime: &_, channel| directory.open(runtime, channel));
    Asked { of: TypeId::of::<Directory>(), offer, config, on_channel }
}
