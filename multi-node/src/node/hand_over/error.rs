//! Why a connection was not handed over.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use super::word::Refused;
use crate::config::NodeId;
use crate::link::error::{CloseReason, SendError};
use crate::node::connection::Connection;

/// A connection that was not handed over, and why. It is as it was: serve it here, or hand it to
/// another node.
#[derive(Debug)]
pub struct HandOverError(Box<(Connection, NotHandedOver)>);

impl HandOverError {
    pub(super) fn new(connection: Connection, why: NotHandedOver) -> Self {
        HandOverError(Box::new((connection, why)))
    }

    /// Why it was not handed over.
    pub fn why(&self) -> &NotHandedOver {
        &self.0.1
    }

    /// The connection, with what was put back.
    pub fn into_connection(self) -> Connection {
        self.0.0
    }
}

impl fmt::Display for HandOverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why().fmt(f)
    }
}

impl std::error::Error for HandOverError {}

/// Why `hand_over` did not hand a connection over.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotHandedOver {
    /// That node takes no connections with this type of message: it does not exist (any more), or
    /// it did not call `on_hand_over`, or the two nodes do not agree on the type.
    #[error("node {node} takes no connections with this type of message")]
    NotOpen {
        /// Whom it was for.
        node: NodeId,
    },
    /// That node is about to leave.
    #[error("node {node} takes no more connections")]
    Draining {
        /// Whom it was for.
        node: NodeId,
    },
    /// That node does not know the listener that the connection came through: it is of another
    /// generation, with other listeners.
    #[error("node {node} has no such listener")]
    NoListener {
        /// Whom it was for.
        node: NodeId,
    },
    /// A process has no descriptor left for it, this one or that node's.
    #[error("node {node} has no room for one more connection")]
    NoRoom {
        /// Which of the two.
        node: NodeId,
    },
    /// The other node has ended before it had the connection, or could not decode a message.
    #[error("the connection was not taken: {reason}")]
    Closed {
        /// What closed the channel.
        reason: CloseReason,
    },
    /// The other node did not take it in time. It may be stuck.
    #[error("the connection was not taken within {after:?}")]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The message and what was put back are larger, encoded, than the other side takes.
    #[error("the message is larger than the {max} bytes that a frame may have")]
    TooLarge {
        /// The most bytes they may have, with some that name them.
        max: usize,
    },
    /// The `Serialize` of the message failed; nothing was sent.
    #[error("the message could not be encoded: {message}")]
    Encode {
        /// What `Serialize` said.
        message: String,
    },
}

impl NotHandedOver {
    pub(super) fn refused(node: NodeId, why: Refused) -> Self {
        match why {
            Refused::NotServed => NotHandedOver::NotOpen { node },
            Refused::Draining => NotHandedOver::Draining { node },
            Refused::NoListener => NotHandedOver::NoListener { node },
            Refused::NoRoom => NotHandedOver::NoRoom { node },
        }
    }
}

impl From<SendError> for NotHandedOver {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Closed { reason } => NotHandedOver::Closed { reason },
            // There is one.
            SendError::TooManyFds { max } | SendError::TooLarge { max } => {
                NotHandedOver::TooLarge { max }
            }
            SendError::Encode { message } => NotHandedOver::Encode { message },
        }
    }
}
