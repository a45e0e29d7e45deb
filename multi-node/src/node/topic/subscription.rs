//! The receiving end of a topic, typed.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::directory::Directory;
use super::entry::Entry;
use super::queue::{Item, Queue};
use crate::config::NodeId;
use crate::link::codec;
use crate::link::message::Message;
use crate::link::when_full::Lagged;
use crate::report;

/// A message of a topic, and who published it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery<M> {
    /// The node that published it.
    pub from: NodeId,
    /// What it published.
    pub message: M,
}

/// Receives what is published on a topic: what `Topic::subscribe` returns, and a `Stream`.
///
/// The messages of one publisher arrive in the order in which it published them, each once; those
/// of several publishers in any order between them. Dropping it ends the subscription; when it was
/// this node's last to the topic, the other nodes stop sending.
///
/// ```
/// use multi_node::{Message, Subscription};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Message)]
/// struct Said(String);
///
/// async fn print_all(mut said: Subscription<Said>) {
///     while let Some(delivery) = said.recv().await {
///         match delivery {
///             Ok(delivery) => println!("node {}: {}", delivery.from, delivery.message.0),
///             Err(lagged) => println!("({lagged})"),
///         }
///     }
/// }
/// # let _ = print_all;
/// ```
pub struct Subscription<M> {
    directory: Arc<Directory>,
    entry: Arc<Entry>,
    queue: Arc<Queue>,
    message: PhantomData<fn() -> M>,
}

impl<M: Message> Subscription<M> {
    pub(super) fn new(directory: &Arc<Directory>, entry: &Arc<Entry>, queue: Arc<Queue>) -> Self {
        let (directory, entry) = (Arc::clone(directory), Arc::clone(entry));
        Subscription { directory, entry, queue, message: PhantomData }
    }

    /// The name of the topic.
    pub fn topic(&self) -> &str {
        self.entry.name()
    }

    /// Receives the next message, or how many are missing at this place; `None` once a
    /// subscription with [`WhenFull::Close`](crate::WhenFull::Close) had no room, and never else.
    ///
    /// Cancel-safe: dropped before it is done, it took nothing.
    pub async fn recv(&mut self) -> Option<Result<Delivery<M>, Lagged>> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Delivery<M>, Lagged>>> {
        let turn = ready!(tokio::task::coop::poll_proceed(cx));
        let item = ready!(self.queue.poll_pop(cx));
        turn.made_progress();
        Poll::Ready(item.map(|item| self.open(item)))
    }

    fn open(&self, item: Item) -> Result<Delivery<M>, Lagged> {
        match item {
            Item::Missed(messages) => Err(Lagged(messages)),
            Item::Message { from, message, receipt } => {
                drop(receipt);
                let decoded = codec::decode(&message).map_err(|error| {
                    let (name, topic) = (M::NAME, self.topic());
                    report::error!(
                        "a {name} of node {from} on the topic {topic:?} is lost: {error}"
                    );
                    Lagged(1)
                });
                decoded.map(|message| Delivery { from, message })
            }
        }
    }
}

impl<M: Message> Stream for Subscription<M> {
    type Item = Result<Delivery<M>, Lagged>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(cx)
    }
}

impl<M> Drop for Subscription<M> {
    fn drop(&mut self) {
        self.queue.deafen();
        self.directory.leave(&self.entry, &self.queue);
    }
}

impl<M> fmt::Debug for Subscription<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("topic", self.entry.name()).finish_non_exhaustive()
    }
}
