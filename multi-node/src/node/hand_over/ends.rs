//! Where connections are handed over and taken: [`Nodes`], and every [`Peer`] and [`Sender`].

use std::sync::Arc;

use super::{HandOverError, NotHandedOver, TIMEOUT};
use crate::config::NodeId;
use crate::link::message::Message;
use crate::node::connection::Connection;
use crate::node::hub::WeakHub;
use crate::node::{Nodes, Peer, Sender};

impl Nodes {
    /// Runs `handler` on every connection that another node [hands over](Nodes::hand_over) with a
    /// message of type `M`, each in a task of its own.
    ///
    /// It counts as open here, as if this node had accepted it on the same listener: new connections
    /// go to emptier nodes, and a drain waits until it is dropped. What was put back with
    /// [`Connection::unread`] is read first.
    ///
    /// A node that drains takes none, and one of a generation that does not have the listener
    /// takes none of that listener: they go back to where they came from.
    ///
    /// ```no_run
    /// use multi_node::{Connection, Message, Nodes};
    /// use serde::{Deserialize, Serialize};
    ///
    /// /// The session of the client, found in its first line.
    /// #[derive(Serialize, Deserialize, Message)]
    /// struct Session(u64);
    ///
    /// #[multi_node::main(port = 8080, nodes = 4)]
    /// async fn main(nodes: Nodes) {
    ///     nodes.on_hand_over(|Session(session), connection| talk(session, connection));
    ///     nodes.shutdown().await;
    /// }
    /// # async fn talk(_: u64, _: Connection) {}
    /// ```
    ///
    /// # Panics
    /// When there is a handler for `M` already; when another type that goes with connections has
    /// its name, or the name is longer than 245 bytes.
    #[track_caller]
    pub fn on_hand_over<M, F, Fut>(&self, handler: F)
    where
        M: Message,
        F: Fn(M, Connection) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listeners = Arc::clone(&self.0.listeners);
        let adopt = Box::new(move |listener, peer, fd| listeners.adopt(listener, peer, fd));
        self.0.hub.on_hand_over(adopt, handler);
    }

    /// Hands a live connection over to another node, with a message: for sessions that stay with
    /// one node, and for a node that drains and has connections that go on.
    ///
    /// The client notices nothing. Put back first what was read and not yet dealt with
    /// ([`Connection::unread`]); it goes along, and so does what the kernel has. The connection
    /// counts here until the other node has it. Until then it is this node's: if the other node
    /// dies, or has no room, or does not take it within 5 seconds, it is given back, and may be
    /// served here or handed to another node. It is never served by two.
    ///
    /// At most 64 with one type of message are on their way to one node; the next waits for its
    /// turn. Dropped before it is done, this closes the connection.
    ///
    /// As for [requests](Nodes::request), a node need not take connections to hand some over, and
    /// its first call for a type tells the others that it has it.
    ///
    /// ```
    /// use multi_node::{Connection, Message, NodeId, Nodes};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Message)]
    /// struct Session(u64);
    ///
    /// async fn to_its_owner(nodes: &Nodes, owner: NodeId, session: u64, connection: Connection) {
    ///     match nodes.hand_over(owner, connection, &Session(session)).await {
    ///         Ok(()) => println!("session {session} is with node {owner}"),
    ///         Err(error) => {
    ///             println!("session {session} stays here: {error}");
    ///             talk(session, error.into_connection()).await;
    ///         }
    ///     }
    /// }
    /// # async fn talk(_: u64, _: Connection) {}
    /// # let _ = to_its_owner;
    /// ```
    ///
    /// # Errors
    /// The connection, as it was, and [why](NotHandedOver) that node does not have it.
    ///
    /// # Panics
    /// When another type that goes with connections has the name of `M`.
    pub async fn hand_over<M: Message>(
        &self,
        node: NodeId,
        connection: Connection,
        message: &M,
    ) -> Result<(), HandOverError> {
        self.0.hub.hand_over(node, connection, message, TIMEOUT).await
    }
}

impl<M: Message> Peer<M> {
    /// Hands a live connection over to this node: as [`Nodes::hand_over`].
    ///
    /// The message may be of any type; it goes, with the connection, to what the other node gave
    /// to [`Nodes::on_hand_over`], beside the messages of this channel.
    ///
    /// # Errors
    /// As [`Nodes::hand_over`].
    ///
    /// # Panics
    /// As [`Nodes::hand_over`].
    pub async fn hand_over<N: Message>(
        &self,
        connection: Connection,
        message: &N,
    ) -> Result<(), HandOverError> {
        hand_over(&self.hub, self.id(), connection, message).await
    }
}

impl<M: Message> Sender<M> {
    /// As [`Peer::hand_over`].
    ///
    /// # Errors
    /// As [`Nodes::hand_over`].
    ///
    /// # Panics
    /// As [`Nodes::hand_over`].
    pub async fn hand_over<N: Message>(
        &self,
        connection: Connection,
        message: &N,
    ) -> Result<(), HandOverError> {
        hand_over(&self.hub, self.id(), connection, message).await
    }
}

async fn hand_over<N: Message>(
    hub: &WeakHub,
    node: NodeId,
    connection: Connection,
    message: &N,
) -> Result<(), HandOverError> {
    match hub.upgrade() {
        Some(hub) => hub.hand_over(node, connection, message, TIMEOUT).await,
        None => Err(HandOverError::new(connection, NotHandedOver::NotOpen { node })),
    }
}
