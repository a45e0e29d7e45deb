//! What two nodes say to each other about connections that are handed over with one message type.

use serde::{Deserialize, Serialize};

use crate::config::Addr;
use crate::link::channel::ChannelConfig;
use crate::link::fingerprint::fold;
use crate::link::hello::Offer;
use crate::link::message::Message;

/// One message of the channel. It is sent with references for `B` and `M`, which encode alike.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Word<B, M> {
    /// A connection, which comes with this: it stays the sender's until `Yours`.
    Here {
        id: u64,
        /// What it came through.
        listener: u16,
        peer: Addr,
        /// Read from it already.
        unread: B,
        message: M,
    },
    /// It has come.
    Held { id: u64 },
    /// It is not wanted.
    Refused { id: u64, why: Refused },
    /// It is the other side's from now on; who says so has let go of it.
    Yours { id: u64 },
    /// It stays the sender's.
    Mine { id: u64 },
}

/// Why a connection is not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::node) enum Refused {
    /// There is no handler.
    NotServed,
    /// The node takes no connections any more.
    Draining,
    /// The node has no listener of that number.
    NoListener,
    /// The node's process has no room for one more.
    NoRoom,
}

/// A word that carries no value of the user's.
pub(super) type Plain = Word<(), ()>;

impl<M: Message> Message for Word<Vec<u8>, M> {
    // For the log: the channel has the name that `offer` gives it.
    const NAME: &'static str = M::NAME;
    const FINGERPRINT: u64 = fold(LAYOUT, M::FINGERPRINT);
}

/// Changes whenever [`Word`] does.
const LAYOUT: u64 = 1;

/// The channel of connections with a message type, under a name that no type has.
pub(super) fn offer<M: Message>(config: ChannelConfig) -> Offer {
    config.offer(format!("hand over {}", M::NAME), Word::<Vec<u8>, M>::FINGERPRINT)
}
