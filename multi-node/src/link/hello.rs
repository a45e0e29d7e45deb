//! What the two sides of a link tell each other besides messages, as payloads of frames.

use serde::{Deserialize, Serialize};

use super::codec;
use super::error::CloseReason;
use super::frame::{Broken, Kind};

/// Raised whenever a frame or one of the payloads below changes its meaning or its layout.
pub(crate) const PROTOCOL: u16 = 4;

/// The first payload of each side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) protocol: u16,
    pub(crate) node: u64,
}

impl Hello {
    /// # Errors
    /// When the other side is not `node`, or speaks another protocol.
    pub(crate) fn check(&self, node: u64) -> Result<(), Broken> {
        if self.protocol != PROTOCOL {
            return Err(Broken::Protocol { found: self.protocol, expected: PROTOCOL });
        }
        if self.node != node {
            return Err(Broken::Node { found: self.node, expected: node });
        }
        Ok(())
    }
}

/// The payload of `Open`: a message type that the sender has asked for, and what it can take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offer {
    pub(crate) name: String,
    pub(crate) fingerprint: u64,
    /// Bytes of frames that may be on their way to the sender or wait there.
    pub(crate) window: u64,
    /// Bytes the payload of a message to the sender may have.
    pub(crate) max_frame: u64,
}

/// The payload of `Credit`: bytes of frames, headers included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Credit(pub(crate) u64);

/// The payload of `Close`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Close {
    /// The sender of this dropped its receiving end, and goes on sending.
    Dropped,
    /// The sender's handler panicked: neither side receives any more.
    Panicked,
    /// The sender could not decode a message: neither side receives any more.
    Malformed,
    /// The sender's handler did not keep up: it receives no more, and goes on sending.
    Lagged,
}

impl Close {
    pub(crate) fn reason(self) -> CloseReason {
        match self {
            Close::Dropped => CloseReason::Dropped,
            Close::Panicked => CloseReason::Panicked,
            Close::Malformed => CloseReason::Malformed,
            Close::Lagged => CloseReason::Lagged,
        }
    }

    /// Whether the sender of this will not send any more either.
    pub(crate) fn ends_sending(self) -> bool {
        match self {
            Close::Dropped | Close::Lagged => false,
            Close::Panicked | Close::Malformed => true,
        }
    }
}

/// The payload of `Ring`: its size in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ring(pub(crate) u64);

/// The payload of `RingTaken`: whether it can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RingTaken(pub(crate) bool);

/// The payload of `Fds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fds {
    /// How many the message has.
    pub(crate) count: u8,
    /// They travel with this frame. The kernel refuses to pass some on: those of an io_uring.
    pub(crate) come: bool,
}

/// Reads one of the payloads above.
///
/// # Errors
/// When the bytes are none; that breaks the link.
pub(crate) fn read<T: serde::de::DeserializeOwned>(
    kind: Kind,
    payload: &[u8],
) -> Result<T, Broken> {
    codec::decode(payload).map_err(|_| Broken::Payload(kind))
}
