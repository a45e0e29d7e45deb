//! The messages that are measured.

use multi_node::Message;
use serde::{Deserialize, Serialize};

/// A message as a program would send it: an enum with a text in it.
///
/// Its size, as the table states it, is that of the text.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
pub enum Packet {
    /// One of many, one way.
    Data {
        /// Counts up from 0.
        sequence: u64,
        /// The payload.
        text: String,
    },
    /// The run is over; whoever had to send back answers with another.
    End {
        /// CPU time that the sender spent, in nanoseconds.
        cpu_nanos: u64,
    },
    /// To be sent back as it is.
    Ping {
        /// The payload.
        text: String,
    },
    /// A node has a link to every other.
    Ready,
    /// Every node is ready: those who are to send begin.
    Start,
    /// What a node received from all others.
    Count {
        /// So many messages.
        messages: u64,
        /// CPU time that it spent, in nanoseconds.
        cpu_nanos: u64,
    },
}
