//! What the channel of topics carries, as payloads of its frames.
//!
//! ```text
//! 0      1          9
//! | kind | number   | message …     kind 1: charged to a window, 2: not
//! | 0    | a `Control`, encoded
//! ```
//!
//! A number is the subscribing node's for one topic, for as long as it is subscribed, and never
//! used again. Knows what the bytes are and not what they mean.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::link::codec::{self, EncodeError};

/// Bytes in front of a message.
pub(super) const HEADER: usize = 9;

const CONTROL: u8 = 0;
const CHARGED: u8 = 1;
const FREE: u8 = 2;

/// What the two ends tell each other besides messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Control {
    /// The sender has subscribed to a topic and gives it this number, or changes its window.
    Subscribe {
        number: u64,
        /// What may be under way to it, in [`cost`](super::window::cost); `None`: anything.
        window: Option<u64>,
        /// Of the message type.
        name: String,
        fingerprint: u64,
        topic: String,
    },
    /// The sender has no subscription any more.
    Unsubscribe { number: u64 },
    /// The subscriptions that the sender had at this time have been said; it waits for the answer.
    Mark(u64),
    /// The answer: what the sender publishes from now on goes to them.
    Acknowledge(u64),
    /// That much of what was charged has been received.
    Credit { number: u64, bytes: u64 },
    /// So many messages were not sent, at this place.
    Missed { number: u64, messages: u64 },
}

/// One payload.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    Control(Control),
    Message { number: u64, charged: bool, message: &'a [u8] },
}

/// Bytes that are none: another version of this library at the other end, or a broken one.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("what is no frame of a topic")]
pub(super) struct Malformed;

/// Takes a payload apart.
///
/// # Errors
/// When it is none.
pub(super) fn read(payload: &[u8]) -> Result<Frame<'_>, Malformed> {
    let (&kind, rest) = payload.split_first().ok_or(Malformed)?;
    if kind == CONTROL {
        return codec::decode(rest).map(Frame::Control).map_err(|_| Malformed);
    }
    let charged = match kind {
        CHARGED => true,
        FREE => false,
        _ => return Err(Malformed),
    };
    let (number, message) = rest.split_first_chunk().ok_or(Malformed)?;
    Ok(Frame::Message { number: u64::from_le_bytes(*number), charged, message })
}

/// Appends what is no message.
pub(super) fn control(
    control: &Control,
) -> impl Fn(&mut Vec<u8>, usize) -> Result<(), EncodeError> {
    move |buffer, max| {
        buffer.push(CONTROL);
        codec::encode_into(buffer, control, max.saturating_sub(1))
    }
}

/// Appends a message that is charged to a window.
pub(super) fn charged(
    number: u64,
    message: &[u8],
) -> impl Fn(&mut Vec<u8>, usize) -> Result<(), EncodeError> {
    copier(CHARGED, number, message)
}

/// Appends a message that is not.
pub(super) fn free(
    number: u64,
    message: &[u8],
) -> impl Fn(&mut Vec<u8>, usize) -> Result<(), EncodeError> {
    copier(FREE, number, message)
}

fn copier(
    kind: u8,
    number: u64,
    message: &[u8],
) -> impl Fn(&mut Vec<u8>, usize) -> Result<(), EncodeError> {
    move |buffer, max| {
        if HEADER + message.len() > max {
            return Err(EncodeError::TooLarge { max: max.saturating_sub(HEADER) });
        }
        buffer.push(kind);
        buffer.extend_from_slice(&number.to_le_bytes());
        buffer.extend_from_slice(message);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_what_is_read() {
        let missed = Control::Missed { number: 3, messages: 4 };
        let mut bytes = Vec::new();
        control(&missed)(&mut bytes, 100).unwrap();
        assert_eq!(read(&bytes), Ok(Frame::Control(missed)));

        for (kind, expected) in [(CHARGED, true), (FREE, false)] {
            let mut bytes = Vec::new();
            copier(kind, 7, b"seven")(&mut bytes, HEADER + 5).unwrap();
            let message = Frame::Message { number: 7, charged: expected, message: b"seven" };
            assert_eq!(read(&bytes), Ok(message));
            let too_large = EncodeError::TooLarge { max: 4 };
            assert_eq!(copier(kind, 7, b"seven")(&mut bytes, HEADER + 4), Err(too_large));
        }
    }

    #[test]
    fn what_is_no_frame_is_said_to_be_none() {
        let cases: [&[u8]; 6] =
            [&[], &[9], &[CHARGED, 0, 0], &[FREE], &[CONTROL], &[CONTROL, 99, 0, 0, 0]];
        for bytes in cases {
            assert_eq!(read(bytes), Err(Malformed), "{bytes:?}");
        }
    }
}
