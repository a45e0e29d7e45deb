//! What the derive of `Message` makes a fingerprint of, beyond the text of the definition.
//!
//! Nothing here is meant to be named by hand: the derive alone does.

use std::marker::PhantomData;

use super::message::Message;

/// Mixes `part` into `state`: FNV-1a, 64 bits (RFC 9923), over the bytes of `part`, lowest first.
pub const fn fold(state: u64, part: u64) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let bytes = part.to_le_bytes();
    let mut hash = state;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(PRIME);
        at += 1;
    }
    hash
}

/// `Of::<T>::FINGERPRINT` is that of `T` when `T` is a message, and 0 when it is not.
///
/// A constant of the type itself goes before one of a trait, so the compiler chooses; it can for
/// types that are known only, which is one reason why a message cannot be generic.
pub struct Of<T: ?Sized>(PhantomData<T>);

impl<T: Message> Of<T> {
    /// The fingerprint of the message `T`.
    pub const FINGERPRINT: u64 = T::FINGERPRINT;
}

/// Gives the types that are no messages a fingerprint; the derive brings it into scope.
pub trait NotAMessage {
    /// Of a type that the fingerprint does not look into.
    const FINGERPRINT: u64 = 0;
}

impl<T: ?Sized> NotAMessage for Of<T> {}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Known;

    impl Message for Known {
        const NAME: &'static str = "Known";
        const FINGERPRINT: u64 = 7;
    }

    #[test]
    fn a_message_has_its_own_fingerprint_and_another_type_none() {
        assert_eq!(<Of<Known>>::FINGERPRINT, 7);
        assert_eq!(<Of<String>>::FINGERPRINT, 0);
        assert_eq!(<Of<Vec<Known>>>::FINGERPRINT, 0);
        assert_eq!(<Of<str>>::FINGERPRINT, 0);
    }

    #[test]
    fn folding_is_fnv_1a_over_the_bytes_lowest_first() {
        const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        let eight_bytes = u64::from_le_bytes(*b"foobar\0\0");
        assert_eq!(fold(OFFSET_BASIS, eight_bytes), 0x74c8_e7eb_4f24_5c28);
    }

    #[test]
    fn the_order_of_what_is_folded_matters() {
        assert_ne!(fold(fold(1, 2), 3), fold(fold(1, 3), 2));
    }
}
