//! One message to every node whose channel is open: encoded once, waited for side by side.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use crate::config::NodeId;
use crate::link::channel::Channel;
use crate::link::codec::EncodeError;
use crate::link::error::{SendError, TrySendError};

/// Who got a broadcast, and who did not: what `Nodes::broadcast` returns.
///
/// Who "got" it is whoever's channel took it: it arrives unless that node ends first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Broadcast {
    reached: Vec<NodeId>,
    missed: Vec<(NodeId, SendError)>,
}

impl Broadcast {
    /// The nodes that it was sent to, in ascending order.
    pub fn reached(&self) -> &[NodeId] {
        &self.reached
    }

    /// The nodes whose channel was open at the call and did not take it, and why.
    pub fn missed(&self) -> &[(NodeId, SendError)] {
        &self.missed
    }
}

/// Sends one encoded message on every channel. Those with room get it at once; the others are
/// waited for, none behind another.
pub(super) async fn to_all(channels: Vec<Arc<Channel>>, message: &[u8]) -> Broadcast {
    let mut outcome = Broadcast::default();
    let mut waiting: Vec<Wait<'_>> = Vec::new();
    let mut heavy = false;
    for channel in channels {
        let node = channel.node();
        match channel.try_send(copier(message)) {
            Ok(much) => {
                outcome.reached.push(node);
                heavy |= much;
            }
            Err(TrySendError::Refused(error)) => outcome.missed.push((node, error)),
            Err(TrySendError::Full) => waiting.push(wait(channel, message)),
        }
    }
    if heavy {
        tokio::task::yield_now().await;
    }
    poll_fn(|cx| {
        waiting.retain_mut(|wait| match wait.as_mut().poll(cx) {
            Poll::Ready((node, Ok(()))) => {
                outcome.reached.push(node);
                false
            }
            Poll::Ready((node, Err(error))) => {
                outcome.missed.push((node, error));
                false
            }
            Poll::Pending => true,
        });
        if waiting.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outcome.reached.sort_unstable();
    outcome.missed.sort_unstable_by_key(|(node, _)| *node);
    outcome
}

type Wait<'a> = Pin<Box<dyn Future<Output = (NodeId, Result<(), SendError>)> + Send + 'a>>;

fn wait(channel: Arc<Channel>, message: &[u8]) -> Wait<'_> {
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
