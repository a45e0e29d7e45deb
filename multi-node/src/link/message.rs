//! What a type must tell about itself to travel between nodes.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A type that nodes send to each other; derive it beside serde's two traits.
///
/// `#[derive(Message)]` names the type and takes a fingerprint of its definition. Two nodes open
/// the channel of a type only when both agree on the two, so that two generations of a program
/// whose messages differ refuse each other instead of decoding garbage.
///
/// ```
/// use multi_node::Message;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Message)]
/// enum Chat {
///     Said { who: String, text: String },
/// }
///
/// assert_eq!(Chat::NAME, "Chat");
/// ```
///
/// What the fingerprint cannot see is the inside of nested types that are no `Message`
/// themselves: raise `#[message(version = …)]` when one of those changes.
pub trait Message: Serialize + DeserializeOwned + Send + 'static {
    /// The name that the nodes match the type by, at most 255 bytes.
    const NAME: &'static str;
    /// Changes whenever the definition does.
    const FINGERPRINT: u64;
}

/// A message that another node replies to; `#[message(reply = …)]` names the reply.
///
/// ```
/// use multi_node::{Message, Request};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Message)]
/// #[message(reply = Squared)]
/// struct Square(u32);
///
/// #[derive(Serialize, Deserialize, Message)]
/// struct Squared(u64);
///
/// fn is_answered_with<Q: Request<Reply = Squared>>() {}
/// is_answered_with::<Square>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no request",
    note = "a message type that derives `Message` names its reply with `#[message(reply = Pong)]`"
)]
pub trait Request: Message {
    /// What a request is replied to with.
    type Reply: Message;
}
