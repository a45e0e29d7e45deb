//! Frames, codec, channels, back-pressure, the hello, the control protocol.
//!
//! A link is one socket between two nodes; a channel is one message type on it. From the bottom
//! up: `codec` (values), `frame` (bytes), `hello` (what is not a message), `outgoing` and `inbox`
//! (the two halves, windows and credits; they decide and do no I/O), `channel`, `connection` (the
//! link and its writer), `reader`. Messages are bytes here; `node` gives them their types.

pub(crate) mod channel;
pub(crate) mod codec;
pub(crate) mod connection;
pub(crate) mod control;
pub(crate) mod error;
pub mod fingerprint;
pub(crate) mod frame;
pub(crate) mod hello;
mod inbox;
pub(crate) mod message;
mod outgoing;
pub(crate) mod pool;
pub(crate) mod readable;
mod reader;
