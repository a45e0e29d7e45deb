//! What becomes of messages for which there is no room where they arrive, as the user chooses it
//! and is told of it. Who drops them is `inbox`, and of a topic `node`.

use thiserror::Error;

/// What becomes of a message that comes while too much waits already, for the
/// [handler](crate::Nodes::on_node_with) of a channel or for a [`Subscription`](crate::Subscription)
/// to a topic.
///
/// It is the receiver's to choose, since it alone knows what its messages are worth. None of them
/// holds up another channel, another subscription, or what goes to other nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// Senders wait until there is room (the default): nothing is lost.
    ///
    /// The publisher of a topic waits if any subscription of a node to it does; what that node's
    /// other subscriptions lose meanwhile is theirs alone.
    #[default]
    Wait,
    /// The message is dropped, and so are those after it until there is room. Where they would have
    /// been there is a [`Lagged`].
    DropNewest,
    /// The oldest of those that wait are dropped. A [`Lagged`] is in their place.
    DropOldest,
    /// It is the last: the receiver gets what waits, a [`Lagged`], and then `None`. To who sends on
    /// a channel it is closed, because of [`CloseReason::Lagged`](crate::CloseReason::Lagged).
    Close,
}

/// So many messages are missing here: there was no room for them, or, of a topic, they could not
/// be decoded, which is in the log then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0} messages are missing")]
pub struct Lagged(pub u64);
