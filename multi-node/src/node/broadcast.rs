//! One message to every node whose channel is open: encoded once, waited for side by side.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use crate::config::NodeId;
use crate::link::channel::Channel;
use crate::link::codec::{self, EncodeError};
use crate::link::error::{BroadcastError, SendError, TrySendError};
use crate::link::message::Message;

/// Who got a message that went to many nodes, and who did not: what `broadcast`, `publish` and their
/// `try_` forms return.
///
/// A node got it when its channel took it, or of a topic, when it is in the queues of the
/// subscriptions there or on its way to them: it arrives unless that node ends first, or drops what
/// it has no room for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Broadcast {
    reached: Vec<NodeId>,
    missed: Vec<(NodeId, TrySendError)>,
}

impl Broadcast {
    /// The nodes that it went to, in ascending order; of a topic this one too, if it has a
    /// subscription.
    pub fn reached(&self) -> &[NodeId] {
        &self.reached
    }

    /// The nodes that were to get it at the call and did not, in ascending order, and why: `Closed`
    /// when the node, its receiver or its last subscription ended before there was room; `Full`
    /// when there was no room and nobody waits: with a `try_` form, and of a topic at a node that
    /// does not read and whose subscriptions are not to be waited for.
    pub fn missed(&self) -> &[(NodeId, TrySendError)] {
        &self.missed
    }

    pub(super) fn note(&mut self, node: NodeId, sent: Result<(), TrySendError>) {
        match sent {
            Ok(()) => self.reached.push(node),
            Err(error) => self.missed.push((node, error)),
        }
    }

    pub(super) fn sorted(mut self) -> Self {
        self.reached.sort_unstable();
        self.missed.sort_unstable_by_key(|(node, _)| *node);
        self
    }
}

/// Sends one encoded message on every channel that has room, and waits for none.
pub(super) fn try_to_all(channels: Vec<Arc<Channel>>, message: &[u8]) -> Broadcast {
    let mut outcome = Broadcast::default();
    for channel in channels {
        outcome.note(channel.node(), channel.try_send(copier(message)).map(drop));
    }
    outcome.sorted()
}

/// Sends one encoded message on every channel. Those with room get it at once; the others are
/// waited for, none behind another.
pub(super) async fn to_all(channels: Vec<Arc<Channel>>, message: &[u8]) -> Broadcast {
    let mut outcome = Broadcast::default();
    let mut waiting: Vec<Wait<'_, SendError>> = Vec::new();
    let mut heavy = false;
    for channel in channels {
        match channel.try_send(copier(message)) {
            Err(TrySendError::Full) => waiting.push(wait(channel, message)),
            sent => {
                heavy |= sent == Ok(true);
                outcome.note(channel.node(), sent.map(drop));
            }
        }
    }
    if heavy {
        tokio::task::yield_now().await;
    }
    side_by_side(waiting, |(node, sent)| outcome.note(node, sent.map_err(TrySendError::from)))
        .await;
    outcome.sorted()
}

/// Someone who has to be waited for: who it is, and how that went.
pub(super) type Wait<'a, E> = Pin<Box<dyn Future<Output = (NodeId, Result<(), E>)> + Send + 'a>>;

/// Waits for all of them, none behind another.
pub(super) async fn side_by_side<E>(
    mut waiting: Vec<Wait<'_, E>>,
    mut done: impl FnMut((NodeId, Result<(), E>)),
) {
    poll_fn(|cx| {
        waiting.retain_mut(|wait| match wait.as_mut().poll(cx) {
            Poll::Ready(sent) => {
                done(sent);
                false
            }
            Poll::Pending => true,
        });
        if waiting.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// A message for many, encoded once.
///
/// # Errors
/// When it cannot be, or not in `max` bytes.
pub(super) fn encode<M: Message>(message: &M, max: usize) -> Result<Vec<u8>, BroadcastError> {
    let mut bytes = Vec::new();
    codec::encode_into(&mut bytes, message, max).map_err(|error| match error {
        EncodeError::TooLarge { max } => BroadcastError::TooLarge { max },
        EncodeError::Failed(message) => BroadcastError::Encode { message },
    })?;
    Ok(bytes)
}

fn wait(channel: Arc<Channel>, message: &[u8]) -> Wait<'_, SendError> {
    Box::pin(async move { (channel.node(), channel.send(copier(message)).await) })
}

/// Appends bytes that are encoded already.
fn copier(message: &[u8]) -> impl Fn(&mut Vec<u8>, usize) -> Result<(), EncodeError> {
    move |buffer, max| {
        if message.len() > max {
            return Err(EncodeError::TooLarge { max });
        }
        buffer.extend_from_slice(message);
        Ok(())
    }
}
