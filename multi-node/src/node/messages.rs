//! [`Nodes`] as the way to the other nodes: handlers, broadcasts, messages to one.

use super::{Broadcast, NodeStream, Nodes, Peer};
use crate::config::NodeId;
use crate::link::channel::ChannelConfig;
use crate::link::error::{BroadcastError, SendToError};
use crate::link::message::Message;

impl Nodes {
    /// Runs `handler` once for every other node, those there and those to come, with a channel of
    /// typed messages to it.
    ///
    /// The channel opens when the other node has asked for the same type too, and both have the
    /// same definition of it. Any number of types may be asked for, each has its own channel.
    /// A handler that returns and so drops its peer stops receiving: the other side's `send` then
    /// says `Closed`. What was made with [`Peer::sender`] before goes on sending.
    ///
    /// ```no_run
    /// use multi_node::{Message, Nodes, Peer};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Debug, Serialize, Deserialize, Message)]
    /// struct Greeting(String);
    ///
    /// #[multi_node::main(port = 8080, nodes = 4)]
    /// async fn main(nodes: Nodes) {
    ///     nodes.on_node(|mut peer: Peer<Greeting>| async move {
    ///         let _ = peer.send(&Greeting("hello".to_owned())).await;
    ///         while let Some(Greeting(text)) = peer.recv().await {
    ///             println!("node {}: {text}", peer.id());
    ///         }
    ///     });
    ///     nodes.shutdown().await;
    /// }
    /// ```
    ///
    /// # Panics
    /// When there is a handler for `M`, or for another type of its name, already; when the name is
    /// longer than 255 bytes.
    #[track_caller]
    pub fn on_node<M, F, Fut>(&self, handler: F)
    where
        M: Message,
        F: Fn(Peer<M>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.on_node_with(ChannelConfig::new(), handler);
    }

    /// As [`on_node`](Nodes::on_node), with a window and a largest frame of its own, and a choice of
    /// what becomes of messages that the handler does not keep up with
    /// ([`ChannelConfig::when_full`]).
    ///
    /// # Panics
    /// As [`on_node`](Nodes::on_node).
    #[track_caller]
    pub fn on_node_with<M, F, Fut>(&self, config: ChannelConfig, handler: F)
    where
        M: Message,
        F: Fn(Peer<M>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.0.hub.on_node(config, handler);
    }

    /// Runs `handler` once for every other node that asked for streams too, with a socket of its
    /// own to it.
    ///
    /// # Panics
    /// When there is a handler for streams already.
    #[track_caller]
    pub fn on_node_stream<F, Fut>(&self, handler: F)
    where
        F: Fn(NodeStream) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.0.hub.on_node_stream(handler);
    }

    /// Sends to every node whose channel for `M` is open now, and says which got it; encoded once.
    ///
    /// Those with room get it at once; then it waits for room at the others. It waits for no handler
    /// whose node chose otherwise ([`ChannelConfig::when_full`]), but for a node that is stopped or
    /// stuck it does: who is to go on all the same uses [`try_broadcast`](Nodes::try_broadcast).
    /// Dropped before it is done, it reached some of them; each got the whole message or nothing.
    ///
    /// # Errors
    /// When the message cannot be encoded.
    pub async fn broadcast<M: Message>(&self, message: &M) -> Result<Broadcast, BroadcastError> {
        self.0.hub.broadcast(message).await
    }

    /// As [`broadcast`](Nodes::broadcast), but waits for nobody: a node without room for the message
    /// now does not get it, and is among [`Broadcast::missed`].
    ///
    /// # Errors
    /// When the message cannot be encoded.
    pub fn try_broadcast<M: Message>(&self, message: &M) -> Result<Broadcast, BroadcastError> {
        self.0.hub.try_broadcast(message)
    }

    /// Sends to one node.
    ///
    /// # Errors
    /// [`SendToError::NotOpen`] when no channel for `M` is open to it; otherwise as
    /// [`Peer::send`].
    pub async fn send_to<M: Message>(&self, node: NodeId, message: &M) -> Result<(), SendToError> {
        self.0.hub.send_to(node, message).await
    }

    /// The nodes whose channel for `M` is open, in ascending order.
    pub fn peers<M: Message>(&self) -> Vec<NodeId> {
        self.0.hub.peers::<M>()
    }
}
