//! The ring that this side of a link writes to, with its bells.
//!
//! It is offered over the socket, and used once the other side has said that it can read it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::runtime::Handle;

use super::codec;
use super::frame::{self, Kind, MAX_CONTROL};
use super::hello::Ring;
use super::pool::{Pool, RingPermit};
use super::readable::Readable;
use super::ring::{Producer, Rubbish};
use crate::sys::bell::Bell;
use crate::sys::packet;
use crate::sys::ring::RingMemory;

/// The bytes of a ring: so many that the other side, once woken, is at work before they are read
/// or written. Of 256 KiB at 16 KiB a message, each side waited for the other half of the time.
const SIZE: usize = 1024 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Outbound {
    producer: Producer,
    /// Rung for the reader.
    data: Bell,
    /// Rung by the reader.
    room: Readable,
    _permit: RingPermit,
}

impl Outbound {
    /// Makes a ring and offers it to the other side, at the boundary of a frame; `None` when this
    /// node has too many.
    ///
    /// # Errors
    /// When there is no memory or no fd for it, or the socket does not take the offer now.
    pub(super) fn offer(
        socket: BorrowedFd<'_>,
        pool: &Arc<Pool>,
        runtime: &Handle,
    ) -> io::Result<Option<Self>> {
        let Some(permit) = pool.ring() else { return Ok(None) };
        let (memory, memfd) = RingMemory::create(SIZE)?;
        let (data, room) = (Bell::new()?, Bell::new()?);
        let listener = {
            let _context = runtime.enter();
            Readable::new(room.listener()?)?
        };
        let mut offer = Vec::new();
        frame::append(&mut offer, 0, Kind::Ring, |buffer| {
            codec::encode_into(buffer, &Ring(SIZE as u64), MAX_CONTROL)
        })
        .map_err(io::Error::other)?;
        packet::send(socket, &offer, &[memfd.as_fd(), data.as_fd(), room.as_fd()])?;
        let producer = Producer::new(memory);
        Ok(Some(Outbound { producer, data, room: listener, _permit: permit }))
    }

    /// Writes as much as there is room for.
    ///
    /// # Errors
    /// `WouldBlock` when there is none; `InvalidData` when the other side broke the ring.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.producer.write(bytes) {
            Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
            Ok(written) => Ok(written),
            Err(rubbish) => Err(broken(rubbish)),
        }
    }

    /// Wakes the reader, if it sleeps: once for all that was written since it fell asleep.
    pub(super) fn wake_reader(&self) {
        if self.producer.should_ring() {
            self.data.ring();
        }
    }

    /// Ready when there is room.
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.producer.block().map_err(broken)? {
            ready!(self.room.poll_ready(cx))?;
            self.room.exhausted();
        }
        Poll::Ready(Ok(()))
    }
}

fn broken(rubbish: Rubbish) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, rubbish)
}
