//! Where requests are made: [`Nodes`], and every [`Peer`] and [`Sender`].

use std::time::Duration;

use super::error::RequestError;
use super::{Asker, TIMEOUT};
use crate::config::NodeId;
use crate::link::message::{Message, Request};
use crate::node::hub::WeakHub;
use crate::node::{Nodes, Peer, Sender};

impl Nodes {
    /// Runs `handler` for every request of type `Q` that another node makes, each in a task of its
    /// own, with an [`Asker`] to reply by.
    ///
    /// Requests have nothing to do with [`on_node`](Nodes::on_node): what is asked does not come
    /// out of [`Peer::recv`], what is sent does not come here, and a type may be used for both.
    /// At most 4,096 requests of one type from each other node are under way; those that would be
    /// more wait where they are made. A handler that wants fewer at a time, of all nodes together,
    /// takes a permit of a semaphore first.
    ///
    /// A node that leaves takes no more requests once its `main` has returned, and replies to
    /// those that it took, within `drain_timeout`.
    ///
    /// ```no_run
    /// use multi_node::{Asker, Message, Nodes};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Message)]
    /// #[message(reply = Squared)]
    /// struct Square(u32);
    ///
    /// #[derive(Debug, Serialize, Deserialize, Message)]
    /// struct Squared(u64);
    ///
    /// #[multi_node::main(port = 8080, nodes = 4)]
    /// async fn main(nodes: Nodes) {
    ///     nodes.on_request(|Square(n), asker: Asker<Square>| async move {
    ///         // An error says that nobody waits for it any more.
    ///         let _ = asker.reply(&Squared(u64::from(n).pow(2))).await;
    ///     });
    ///     nodes.shutdown().await;
    /// }
    /// ```
    ///
    /// # Panics
    /// When there is a handler for `Q` already; when another request type has its name, or the
    /// name is longer than 247 bytes.
    #[track_caller]
    pub fn on_request<Q, F, Fut>(&self, handler: F)
    where
        Q: Request,
        F: Fn(Q, Asker<Q>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.0.hub.on_request(handler);
    }

    /// Asks one node, and waits 5 seconds at most for its reply.
    ///
    /// Any number of requests may be under way at once; replies come as they are made, in any
    /// order. Dropped before it is done, the request is given up, and [`Asker::given_up`] tells the
    /// handler.
    ///
    /// A node need not answer requests to make them. The first of a type tells the other nodes
    /// that this one has it; where nothing else has brought about links to them
    /// (`on_node`, `on_request`), that one finds none open.
    ///
    /// ```
    /// use multi_node::{Message, NodeId, Nodes, RequestError};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Message)]
    /// #[message(reply = Squared)]
    /// struct Square(u32);
    ///
    /// #[derive(Debug, Serialize, Deserialize, Message)]
    /// struct Squared(u64);
    ///
    /// async fn square(nodes: &Nodes, node: NodeId, n: u32) -> Result<u64, RequestError> {
    ///     let Squared(square) = nodes.request(node, &Square(n)).await?;
    ///     Ok(square)
    /// }
    /// # let _ = square;
    /// ```
    ///
    /// # Errors
    /// [`RequestError::NotOpen`] when that node takes no such requests, `Closed` as soon as it has
    /// ended, `NoReply` when the handler lets go of the request, `TimedOut`; `TooLarge` and
    /// `Encode` when this request cannot be sent.
    ///
    /// # Panics
    /// When another request type has the name of `Q`.
    pub async fn request<Q: Request>(
        &self,
        node: NodeId,
        request: &Q,
    ) -> Result<Q::Reply, RequestError> {
        self.0.hub.request(node, request, TIMEOUT).await
    }

    /// The nodes that take requests of this type, in ascending order: those that have said so and
    /// are still there. The first call for a type tells the others of it, and they say so then.
    ///
    /// # Panics
    /// As [`request`](Nodes::request).
    pub fn askable<Q: Request>(&self) -> Vec<NodeId> {
        self.0.hub.askable::<Q>()
    }

    /// As [`request`](Nodes::request), and waits no longer than `timeout` for the reply, room in
    /// the window and a place among the 4,096 included.
    ///
    /// # Errors
    /// As [`request`](Nodes::request).
    ///
    /// # Panics
    /// As [`request`](Nodes::request).
    pub async fn request_within<Q: Request>(
        &self,
        timeout: Duration,
        node: NodeId,
        request: &Q,
    ) -> Result<Q::Reply, RequestError> {
        self.0.hub.request(node, request, timeout).await
    }
}

impl<M: Message> Peer<M> {
    /// Asks this node, and waits 5 seconds at most for its reply: as [`Nodes::request`].
    ///
    /// The request may be of any type; it goes to what the other node gave to
    /// [`Nodes::on_request`], beside the messages of this channel, and does not wait for them.
    ///
    /// ```
    /// use multi_node::{Message, Peer};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Message)]
    /// #[message(reply = Pong)]
    /// struct Ping;
    ///
    /// #[derive(Serialize, Deserialize, Message)]
    /// struct Pong;
    ///
    /// async fn meet(peer: Peer<Ping>) {
    ///     match peer.request(&Ping).await {
    ///         Ok(Pong) => println!("node {} is well", peer.id()),
    ///         Err(error) => println!("node {}: {error}", peer.id()),
    ///     }
    /// }
    /// # let _ = meet;
    /// ```
    ///
    /// # Errors
    /// As [`Nodes::request`].
    ///
    /// # Panics
    /// As [`Nodes::request`].
    pub async fn request<Q: Request>(&self, request: &Q) -> Result<Q::Reply, RequestError> {
        ask(&self.hub, self.id(), request, TIMEOUT).await
    }

    /// As [`request`](Peer::request), and waits no longer than `timeout`.
    ///
    /// # Errors
    /// As [`Nodes::request`].
    ///
    /// # Panics
    /// As [`Nodes::request`].
    pub async fn request_within<Q: Request>(
        &self,
        timeout: Duration,
        request: &Q,
    ) -> Result<Q::Reply, RequestError> {
        ask(&self.hub, self.id(), request, timeout).await
    }
}

impl<M: Message> Sender<M> {
    /// As [`Peer::request`].
    ///
    /// # Errors
    /// As [`Nodes::request`].
    ///
    /// # Panics
    /// As [`Nodes::request`].
    pub async fn request<Q: Request>(&self, request: &Q) -> Result<Q::Reply, RequestError> {
        ask(&self.hub, self.id(), request, TIMEOUT).await
    }

    /// As [`Peer::request_within`].
    ///
    /// # Errors
    /// As [`Nodes::request`].
    ///
    /// # Panics
    /// As [`Nodes::request`].
    pub async fn request_within<Q: Request>(
        &self,
        timeout: Duration,
        request: &Q,
    ) -> Result<Q::Reply, RequestError> {
        ask(&self.hub, self.id(), request, timeout).await
    }
}

async fn ask<Q: Request>(
    hub: &WeakHub,
    node: NodeId,
    request: &Q,
    timeout: Duration,
) -> Result<Q::Reply, RequestError> {
    let hub = hub.upgrade().ok_or(RequestError::NotOpen { node })?;
    hub.request(node, request, timeout).await
}
