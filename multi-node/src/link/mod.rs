//! Frames, codec, channels, back-pressure, the hello, the control protocol.
//!
//! A link is one socket between two nodes, and a ring each way while it is busy; a channel is one
//! message type on it. From the bottom up: `codec` (values), `frame` (bytes), `hello` (what is not
//! a message), `lane` and `inbox` with its `backlog` (the two halves of a channel, windows and
//! credits; `when_full` says what else there is but to wait) and `outgoing` (what is to be
//! written), which decide and do no I/O; `ring` and `traffic`, likewise; `fds` (what goes beside the
//! bytes); `channel`; `wire` (what writes), which `way` (socket or ring) and `outbound` (the ring)
//! belong to, and `inbound` (what is read from) with `socket_in`; `connection` (the link and its
//! writer) and `reader`. Messages are bytes here; `node` gives them their types.

pub(crate) mod backlog;
pub(crate) mod channel;
pub(crate) mod codec;
pub(crate) mod connection;
pub(crate) mod control;
pub(crate) mod error;
pub(crate) mod fds;
pub mod fingerprint;
pub(crate) mod frame;
pub(crate) mod hello;
mod inbound;
mod inbox;
mod lane;
pub(crate) mod message;
mod outbound;
mod outgoing;
pub(crate) mod pool;
pub(crate) mod readable;
mod reader;
mod ring;
mod socket_in;
mod traffic;
mod way;
pub(crate) mod when_full;
pub(crate) mod wire;
mod writable;
