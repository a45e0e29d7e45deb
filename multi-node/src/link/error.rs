//! Why a message did not go, one type an operation, and why a channel closed.

use thiserror::Error;

use crate::config::NodeId;

/// Why the other side of a channel no longer receives, or no longer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// A `Peer` was dropped over there: that node receives no more on this channel.
    #[error("the other node dropped its peer")]
    Dropped,
    /// A handler panicked, there or here.
    #[error("a handler panicked")]
    Panicked,
    /// What arrived, there or here, was no message of the type, or more than the window allows.
    #[error("a message could not be decoded")]
    Malformed,
    /// A handler did not keep up, and its channel was to close then:
    /// [`WhenFull::Close`](crate::WhenFull::Close). Only that node receives no more.
    #[error("a handler did not keep up")]
    Lagged,
    /// The other node has ended.
    #[error("the other node has ended")]
    Ended,
}

/// Why `send` did not send.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The other side does not receive any more.
    #[error("the channel is closed: {reason}")]
    Closed {
        /// What closed it.
        reason: CloseReason,
    },
    /// The encoded message is larger than the other side takes.
    #[error("the message is larger than the {max} bytes that a frame may have")]
    TooLarge {
        /// The most bytes an encoded message may have.
        max: usize,
    },
    /// The `Serialize` of the message failed; nothing was sent.
    #[error("the message could not be encoded: {message}")]
    Encode {
        /// What `Serialize` said.
        message: String,
    },
    /// The message has more descriptors than may go with one.
    #[error("the message has more than {max} descriptors")]
    TooManyFds {
        /// The most descriptors that one message may have.
        max: usize,
    },
}

/// A message came without its descriptors: this process had no room for all of them
/// (`RLIMIT_NOFILE`), or the kernel does not pass some of them on, as those of an io_uring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the {sent} descriptors of a message were lost")]
#[non_exhaustive]
pub struct FdsLost {
    /// How many were sent.
    pub sent: usize,
}

/// Why `try_send` did not send.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrySendError {
    /// The window is full, or others wait for it: try later, or `send().await`.
    #[error("the channel is full")]
    Full,
    /// It would never go.
    #[error(transparent)]
    Refused(#[from] SendError),
}

/// Why `send_to` did not send.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendToError {
    /// No channel of this type is open to that node: it does not exist (any more), or one of the
    /// two nodes did not ask for the type, or the two do not agree on it.
    #[error("no channel of this type is open to node {node}")]
    NotOpen {
        /// Whom it was for.
        node: NodeId,
    },
    /// The channel is open and did not take it.
    #[error(transparent)]
    Refused(#[from] SendError),
}

/// Why a broadcast went to nobody.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BroadcastError {
    /// The encoded message is larger than any node takes.
    #[error("the message is larger than the {max} bytes that a frame may have")]
    TooLarge {
        /// The most bytes an encoded message may have.
        max: usize,
    },
    /// The `Serialize` of the message failed; nothing was sent.
    #[error("the message could not be encoded: {message}")]
    Encode {
        /// What `Serialize` said.
        message: String,
    },
}
