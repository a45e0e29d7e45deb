//! What a handler holds: one channel to one other node, typed.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use serde::Serialize;

use super::hub::WeakHub;
use crate::config::NodeId;
use crate::link::backlog::Taken;
use crate::link::channel::Channel;
use crate::link::codec::{self, EncodeError};
use crate::link::error::{CloseReason, SendError, TrySendError};
use crate::link::fds::Passed;
use crate::link::frame;
use crate::link::hello::Close;
use crate::link::message::Message;
use crate::link::when_full::Lagged;
use crate::report;

/// Another node, and the channel of one message type to it: sends, receives, and is a `Stream`.
///
/// Messages arrive in the order they were sent, once. What arrives before the handler receives
/// it waits in the window; a sender that is ahead by a whole window waits, unless the
/// [`ChannelConfig`](crate::ChannelConfig) over there says otherwise. Dropping the peer
/// closes receiving: the other side's `send` then gets [`SendError::Closed`]. What this node
/// sends is not affected, by a [`Sender`] or a broadcast, and so the other side goes on
/// receiving until this node ends.
///
/// Two handlers that only send to each other and never receive wait for ever once both windows
/// are full: receive in the handler, and send from another task through [`Peer::sender`].
///
/// ```
/// use multi_node::{Message, Peer};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Serialize, Deserialize, Message)]
/// enum Job {
///     Square(u64),
///     Answer(u64),
/// }
///
/// async fn worker(mut peer: Peer<Job>) {
///     while let Some(job) = peer.recv().await {
///         let sent = match job {
///             Job::Square(n) => peer.send(&Job::Answer(n * n)).await,
///             Job::Answer(n) => Ok(println!("node {} says {n}", peer.id())),
///         };
///         if let Err(error) = sent {
///             eprintln!("{error}");
///         }
///     }
///     println!("node {} is gone: {:?}", peer.id(), peer.close_reason());
/// }
/// # let _ = worker;
/// ```
pub struct Peer<M> {
    pub(super) channel: Arc<Channel>,
    /// Whole frames, received from `at` on.
    batch: Vec<u8>,
    at: usize,
    /// Bytes of frames taken and not yet accounted for.
    taken: usize,
    /// `taken` is accounted for at the end of a batch, and in a long one this often.
    account_at: usize,
    /// Where requests go.
    pub(super) hub: WeakHub,
    message: PhantomData<fn() -> M>,
}

impl<M: Message> Peer<M> {
    pub(super) fn new(channel: Arc<Channel>, window: usize, hub: WeakHub) -> Self {
        let account_at = (window / 4).max(1);
        Peer { channel, batch: Vec::new(), at: 0, taken: 0, account_at, hub, message: PhantomData }
    }

    /// The node at the other end.
    pub fn id(&self) -> NodeId {
        self.channel.node()
    }

    /// Sends a message, after waiting for room in the window if there is none.
    ///
    /// Cancel-safe: dropped before it is done, it sent the whole message or nothing.
    ///
    /// # Errors
    /// [`SendError::Closed`] when the other side receives no more, [`SendError::TooLarge`] and
    /// [`SendError::Encode`] when this message cannot be sent; the channel goes on.
    pub async fn send(&self, message: &M) -> Result<(), SendError> {
        send(&self.channel, message).await
    }

    /// Sends a message if the window has room for it now.
    ///
    /// # Errors
    /// [`TrySendError::Full`] when it has not; otherwise as [`Peer::send`].
    pub fn try_send(&self, message: &M) -> Result<(), TrySendError> {
        try_send(&self.channel, message)
    }

    /// Receives the next message; `None` when no more will come, which
    /// [`Peer::close_reason`] then explains. What is missing before it is left out, as in the
    /// `Stream`; descriptors that came with it are closed.
    ///
    /// Cancel-safe: dropped before it is done, it took nothing.
    pub async fn recv(&mut self) -> Option<M> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// As [`Peer::recv`], and says where messages are missing, and how many: those that came while
    /// too much waited, in a channel that was asked for with a [`WhenFull`](crate::WhenFull) other
    /// than `Wait`.
    ///
    /// Cancel-safe: dropped before it is done, it took nothing.
    ///
    /// ```
    /// use multi_node::{ChannelConfig, Message, Nodes, Peer, WhenFull};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Message)]
    /// struct Load(f32);
    ///
    /// fn watch(nodes: &Nodes) {
    ///     let latest = ChannelConfig::new().window(64 * 1024).when_full(WhenFull::DropOldest);
    ///     nodes.on_node_with(latest, |mut peer: Peer<Load>| async move {
    ///         while let Some(load) = peer.recv_or_lagged().await {
    ///             match load {
    ///                 Ok(Load(load)) => println!("node {}: {load}", peer.id()),
    ///                 Err(lagged) => println!("node {}: {lagged}", peer.id()),
    ///             }
    ///         }
    ///     });
    /// }
    /// # let _ = watch;
    /// ```
    pub async fn recv_or_lagged(&mut self) -> Option<Result<M, Lagged>> {
        std::future::poll_fn(|cx| self.poll_recv_or_lagged(cx)).await
    }

    /// A handle that only sends, and can be cloned and moved to other tasks.
    pub fn sender(&self) -> Sender<M> {
        let (channel, hub) = (Arc::clone(&self.channel), self.hub.clone());
        Sender { channel, hub, message: PhantomData }
    }

    /// Why the other side receives no more, or why no more will come; `None` while both go on.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.channel.close_reason()
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<M>> {
        loop {
            match ready!(self.poll_batch(cx)) {
                Some(Ok(_nobodys)) => return Poll::Ready(self.next()),
                Some(Err(_)) => {}
                None => return Poll::Ready(None),
            }
        }
    }

    fn poll_recv_or_lagged(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<M, Lagged>>> {
        let batch = ready!(self.poll_batch(cx));
        Poll::Ready(match batch {
            Some(Ok(_nobodys)) => self.next().map(Ok),
            Some(Err(lagged)) => Some(Err(lagged)),
            None => None,
        })
    }

    /// Ready when the batch has the next message, with its fds if it has some, or says how many are
    /// missing before it.
    #[inline]
    pub(super) fn poll_batch(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Option<Passed>, Lagged>>> {
        let turn = ready!(tokio::task::coop::poll_proceed(cx));
        let mut batch = Some(Ok(None));
        if self.at == self.batch.len() {
            self.at = 0;
            self.channel.recycle(&mut self.batch);
            match ready!(self.channel.poll_take(cx, &mut self.batch)) {
                Some(Taken::Frames { from }) => self.at = from,
                Some(Taken::WithFds { fds, beside }) => {
                    self.taken += beside;
                    batch = Some(Ok(Some(fds)));
                }
                Some(Taken::Missing(messages)) => batch = Some(Err(Lagged(messages))),
                None => batch = None,
            }
        }
        turn.made_progress();
        Poll::Ready(batch)
    }

    /// Decodes the next message of the batch.
    pub(super) fn next(&mut self) -> Option<M> {
        let payload = frame::payload(&self.batch[self.at..]);
        let bytes = frame::HEADER + payload.len();
        self.at += bytes;
        self.taken += bytes;
        let decoded = codec::decode(payload);
        if self.at == self.batch.len() || self.taken >= self.account_at {
            self.channel.consume(std::mem::take(&mut self.taken));
        }
        match decoded {
            Ok(message) => Some(message),
            Err(error) => {
                let (node, name) = (self.id(), M::NAME);
                report::error!("the {name} channel to node {node} is closed: {error}");
                self.channel.abort(Close::Malformed);
                self.at = self.batch.len();
                None
            }
        }
    }
}

impl<M: Message> Stream for Peer<M> {
    type Item = M;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<M>> {
        self.get_mut().poll_recv(cx)
    }
}

impl<M> Drop for Peer<M> {
    fn drop(&mut self) {
        self.channel.drop_receiver();
    }
}

impl<M> fmt::Debug for Peer<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("id", &self.channel.node()).finish_non_exhaustive()
    }
}

/// Sends on the channel of a [`Peer`], from anywhere, also after the peer is gone.
///
/// ```
/// use multi_node::{Message, Peer};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Serialize, Deserialize, Message)]
/// struct Tick(u64);
///
/// async fn handler(mut peer: Peer<Tick>) {
///     let sender = peer.sender();
///     tokio::spawn(async move {
///         let mut n = 0;
///         while sender.send(&Tick(n)).await.is_ok() {
///             n += 1;
///         }
///     });
///     while let Some(Tick(n)) = peer.recv().await {
///         println!("{n}");
///     }
/// }
/// # let _ = handler;
/// ```
pub struct Sender<M> {
    pub(super) channel: Arc<Channel>,
    pub(super) hub: WeakHub,
    message: PhantomData<fn() -> M>,
}

impl<M: Message> Sender<M> {
    /// The node at the other end.
    pub fn id(&self) -> NodeId {
        self.channel.node()
    }

    /// As [`Peer::send`]; those who wait for room go in the order they began to.
    ///
    /// # Errors
    /// As [`Peer::send`].
    pub async fn send(&self, message: &M) -> Result<(), SendError> {
        send(&self.channel, message).await
    }

    /// As [`Peer::try_send`].
    ///
    /// # Errors
    /// As [`Peer::try_send`].
    pub fn try_send(&self, message: &M) -> Result<(), TrySendError> {
        try_send(&self.channel, message)
    }
}

impl<M> Clone for Sender<M> {
    fn clone(&self) -> Self {
        let (channel, hub) = (Arc::clone(&self.channel), self.hub.clone());
        Sender { channel, hub, message: PhantomData }
    }
}

impl<M> fmt::Debug for Sender<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("id", &self.channel.node()).finish_non_exhaustive()
    }
}

pub(crate) async fn send<M: Message>(channel: &Channel, message: &M) -> Result<(), SendError> {
    channel.send(encoder(message)).await
}

fn try_send<M: Message>(channel: &Channel, message: &M) -> Result<(), TrySendError> {
    channel.try_send(encoder(message)).map(drop)
}

pub(super) fn encoder<M: Serialize>(
    message: &M,
) -> impl Fn(&mut Vec<u8>, usize) -> Result<(), EncodeError> {
    move |buffer, max| codec::encode_into(buffer, message, max)
}
