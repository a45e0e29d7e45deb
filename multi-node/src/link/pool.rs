//! What the links of a node share: read buffers that none of them needs at the moment, since an
//! idle link holds none, and the right to have a ring.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Messaging;

/// Bytes of a buffer: what one read takes at most, large frames aside.
pub(crate) const READ: usize = 64 * 1024;

/// The most buffers that wait for use.
const KEEP: usize = 8;

/// The largest buffer for a large frame that is kept: one, for the next such frame.
const KEEP_LARGE: usize = 4 * 1024 * 1024;

/// Reads until a large buffer that none of them needed is let go.
const FORGET: u32 = 64;

/// The most rings that a node writes to at once: with 1 MiB each, 8 MiB. The other links, should
/// more be busy, keep to their sockets.
const RINGS: usize = 8;

/// Empty buffers of [`READ`] bytes, and perhaps a large one. See the module.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    messaging: Messaging,
    kept: Mutex<Kept>,
    rings: AtomicUsize,
}

#[derive(Debug, Default)]
struct Kept {
    buffers: Vec<Vec<u8>>,
    large: Option<Vec<u8>>,
    /// Buffers taken since a large one was.
    since_large: u32,
}

/// The right to write to one ring; given back when dropped.
#[derive(Debug)]
pub(super) struct RingPermit(Arc<Pool>);

impl Drop for RingPermit {
    fn drop(&mut self) {
        self.0.rings.fetch_sub(1, Relaxed);
    }
}

impl Pool {
    pub(crate) fn new(messaging: Messaging) -> Arc<Self> {
        Arc::new(Pool { messaging, ..Pool::default() })
    }

    /// How the links are to carry their bytes.
    pub(super) fn messaging(&self) -> &Messaging {
        &self.messaging
    }

    /// The right to one more ring, if this node has not too many.
    pub(super) fn ring(self: &Arc<Self>) -> Option<RingPermit> {
        let permit = RingPermit(Arc::clone(self));
        (self.rings.fetch_add(1, Relaxed) < RINGS).then_some(permit)
    }

    /// An empty buffer with room for [`READ`] bytes.
    pub(crate) fn take(&self) -> Vec<u8> {
        let mut kept = self.kept();
        kept.since_large = kept.since_large.saturating_add(1);
        if kept.since_large > FORGET {
            kept.large = None;
        }
        kept.buffers.pop().unwrap_or_else(|| Vec::with_capacity(READ))
    }

    /// An empty buffer with room for `bytes`.
    pub(crate) fn take_for(&self, bytes: usize) -> Vec<u8> {
        if bytes <= READ {
            return self.take();
        }
        let mut kept = self.kept();
        kept.since_large = 0;
        match kept.large.take() {
            Some(large) if large.capacity() >= bytes => large,
            _ => Vec::with_capacity(bytes),
        }
    }

    /// Takes a buffer back.
    pub(crate) fn give(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut kept = self.kept();
        match buffer.capacity() {
            READ if kept.buffers.len() < KEEP => kept.buffers.push(buffer),
            capacity if capacity > READ && capacity <= KEEP_LARGE => kept.large = Some(buffer),
            _ => {}
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
