//! Values to bytes and back: the one place that knows the format.
//!
//! The format is bincode's with fixed-width integers: it decodes fastest, and the two ends are
//! the same machine. Encoding appends to a buffer that is kept, and never beyond a given size;
//! decoding takes exactly the bytes it is given, so what is left over is an error. Neither knows
//! frames. What a hostile sender could still do is nest a recursive message type until the stack
//! ends, or claim a sequence of zero-sized elements without end: both ends are our own processes.

use std::io::{self, Write};

use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// Why a value was not encoded. What was appended until then is the caller's to remove.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum EncodeError {
    #[error("larger than {max} bytes")]
    TooLarge { max: usize },
    #[error("{0}")]
    Failed(String),
}

/// Why bytes are no value of the type.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub(crate) struct DecodeError(String);

/// Appends `value` to `buffer`, `max` bytes at most.
pub(crate) fn encode_into<M>(buffer: &mut Vec<u8>, value: &M, max: usize) -> Result<(), EncodeError>
where
    M: Serialize + ?Sized,
{
    let end = buffer.len().saturating_add(max);
    let mut bounded = Bounded { buffer, end, overran: false };
    match options().serialize_into(&mut bounded, value) {
        _ if bounded.overran => Err(EncodeError::TooLarge { max }),
        Ok(()) => Ok(()),
        Err(error) => Err(EncodeError::Failed(error.to_string())),
    }
}

/// Takes a value out of exactly these bytes.
pub(crate) fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, DecodeError> {
    options().deserialize(bytes).map_err(|error| DecodeError(error.to_string()))
}

fn options() -> impl Options {
    bincode::DefaultOptions::new().with_fixint_encoding()
}

/// A buffer that refuses to grow past `end`.
struct Bounded<'a> {
    buffer: &'a mut Vec<u8>,
    end: usize,
    overran: bool,
}

impl Write for Bounded<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() > self.end - self.buffer.len() {
            self.overran = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
