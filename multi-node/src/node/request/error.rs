//! Why a request got no reply, and why a reply did not go.

use std::time::Duration;

use thiserror::Error;

use crate::config::NodeId;
use crate::link::error::{CloseReason, SendError};

/// Why `request` has no reply.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// That node answers no requests of this type: it does not exist (any more), or it did not
    /// call `on_request`, or it is about to leave, or the two nodes do not agree on the type.
    /// No handler has seen the request.
    #[error("node {node} takes no requests of this type")]
    NotOpen {
        /// Whom it was for.
        node: NodeId,
    },
    /// The other node has ended, or a message could not be decoded, before there was a reply.
    #[error("the request was not answered: {reason}")]
    Closed {
        /// What closed the channel.
        reason: CloseReason,
    },
    /// The handler panicked, or dropped what it replies with, or its reply could not be sent.
    #[error("the handler of the request did not reply")]
    NoReply,
    /// There was no reply in time; the handler is told.
    #[error("no reply within {after:?}")]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The encoded request is larger than the other side takes.
    #[error("the request is larger than the {max} bytes that a frame may have")]
    TooLarge {
        /// The most bytes an encoded request may have, with the 12 that name it.
        max: usize,
    },
    /// The `Serialize` of the request failed; nothing was sent.
    #[error("the request could not be encoded: {message}")]
    Encode {
        /// What `Serialize` said.
        message: String,
    },
}

impl From<SendError> for RequestError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Closed { reason } => RequestError::Closed { reason },
            // A request has none.
            SendError::TooManyFds { max } | SendError::TooLarge { max } => {
                RequestError::TooLarge { max }
            }
            SendError::Encode { message } => RequestError::Encode { message },
        }
    }
}

/// Why [`Asker::reply`](crate::Asker::reply) did not send; except when it gave up, whoever asked
/// is told [`RequestError::NoReply`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// Whoever asked does not wait any more, or its node has ended.
    #[error("the request was given up")]
    GivenUp,
    /// The channel did not take it.
    #[error(transparent)]
    Refused(#[from] SendError),
}
