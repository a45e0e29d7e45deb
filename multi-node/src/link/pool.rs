//! Read buffers that no link needs at the moment: an idle link holds none.

use std::sync::{Mutex, PoisonError};

/// Bytes of a buffer: what one read takes at most, large frames aside.
pub(crate) const READ: usize = 64 * 1024;

/// The most buffers that wait for use.
const KEEP: usize = 8;

/// Empty buffers of [`READ`] bytes.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Vec<Vec<u8>>>);

impl Pool {
    /// An empty buffer with room for [`READ`] bytes.
    pub(crate) fn take(&self) -> Vec<u8> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| Vec::with_capacity(READ))
    }

    /// Takes a buffer back; one of another size is let go.
    pub(crate) fn give(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() != READ {
            return;
        }
        buffer.clear();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEEP {
            kept.push(buffer);
        }
    }
}
