//! What two nodes say to each other about the requests of one type, and how its channel is called.

use serde::{Deserialize, Serialize};

use super::waiting::Id;
use crate::link::channel::ChannelConfig;
use crate::link::fingerprint::fold;
use crate::link::hello::Offer;
use crate::link::message::{Message, Request};

/// One message of the channel. It is sent with references for `Q` and `R`, which encode alike.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Word<Q, R> {
    Ask {
        id: Id,
        request: Q,
    },
    /// Whoever asked does not wait any more. It is answered all the same.
    GiveUp {
        id: Id,
    },
    Reply {
        id: Id,
        reply: R,
    },
    /// There will be no reply.
    Nothing {
        id: Id,
    },
    /// There is no handler, or it takes no more.
    NotServed {
        id: Id,
    },
    /// There is a handler.
    Serves,
}

/// A word that carries no value of the user's.
pub(super) type Plain = Word<(), ()>;

impl<Q: Request> Message for Word<Q, Q::Reply> {
    // For the log: the channel has the name that `offer` gives it.
    const NAME: &'static str = Q::NAME;
    const FINGERPRINT: u64 = fold(fold(LAYOUT, Q::FINGERPRINT), <Q::Reply as Message>::FINGERPRINT);
}

/// Changes whenever [`Word`] does.
const LAYOUT: u64 = 1;

/// The channel of a request type, under a name that no type has.
pub(super) fn offer<Q: Request>(config: ChannelConfig) -> Offer {
    config.offer(format!("request {}", Q::NAME), Word::<Q, Q::Reply>::FINGERPRINT)
}
