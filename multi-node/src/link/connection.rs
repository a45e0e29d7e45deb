//! One connected socket to another node: the writer, the buffers between it and those who send,
//! and the channels that share it.
//!
//! Those who send append to [`Outgoing`]; the writer task hands all that is there to the kernel
//! in one write, at the end of the current task's turn. When much is pending the sender writes
//! inline, so that the other side works at the same time. What is read is `reader`'s.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker, ready};

use tokio::runtime::Handle;

use super::channel::{Channel, ChannelConfig, MAX_FRAME};
use super::frame::{Broken, Kind};
use super::hello::{Hello, Offer, PROTOCOL, RingTaken};
use super::lane::Lane;
use super::outgoing::{Outgoing, Rest};
use super::pool::Pool;
use super::readable::Readable;
use super::reader::Reader;
use super::wire::{Wire, Written};
use crate::config::NodeId;
use crate::report;

/// A sender writes inline when this many bytes are pending.
const INLINE: usize = 64 * 1024;

/// Who decides which channels a link has.
pub(crate) trait Owner: Send + Sync {
    /// The other side has asked for a message type and numbered it.
    ///
    /// # Errors
    /// When it may not say so; that breaks the link.
    fn offered(&self, link: &Arc<Link>, remote: u16, offer: Offer) -> Result<(), Broken>;

    /// The other side is gone; nothing of this link is called any more.
    fn ended(&self, link: &Arc<Link>);
}

/// One connection to another node. See the module.
#[derive(Debug)]
pub(crate) struct Link {
    peer: NodeId,
    outgoing: Mutex<Outgoing>,
    wire: Mutex<Wire>,
    /// By this side's number.
    channels: Mutex<Vec<Option<Arc<Channel>>>>,
    pool: Arc<Pool>,
}

impl Link {
    /// Says hello to a node; that is written once there is a socket, from [`Link::run`] on.
    pub(crate) fn new(me: NodeId, peer: NodeId, pool: Arc<Pool>) -> Arc<Self> {
        let mut outgoing = Outgoing::new();
        outgoing.control(Kind::Hello, 0, &Hello { protocol: PROTOCOL, node: me.0 });
        Arc::new(Link {
            peer,
            outgoing: Mutex::new(outgoing),
            wire: Mutex::new(Wire::default()),
            channels: Mutex::default(),
            pool,
        })
    }

    /// Reads and writes on `runtime`, over the ends of a socket, until the other side is gone.
    pub(crate) fn run(
        self: &Arc<Self>,
        (socket, wire): (Readable, Wire),
        owner: Arc<dyn Owner>,
        runtime: &Handle,
    ) {
        *self.wire() = wire;
        let reader = Reader::new(Arc::clone(self), socket, owner);
        runtime.spawn(reader.run());
        let link = Arc::clone(self);
        runtime.spawn(std::future::poll_fn(move |cx| link.poll_write(cx)));
    }

    pub(crate) fn peer(&self) -> NodeId {
        self.peer
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Tells the other side of a message type this side has asked for.
    pub(crate) fn announce(&self, local: u16, offer: &Offer) {
        self.edit(|out| out.control(Kind::Open, local, offer));
    }

    /// Which way what is written goes.
    #[cfg(test)]
    pub(crate) fn way(&self) -> &'static str {
        self.wire().way()
    }

    /// Tells the other side whether its ring can be read.
    pub(super) fn answer_ring(&self, taken: bool) {
        self.edit(|out| out.control(Kind::RingTaken, 0, &RingTaken(taken)));
    }

    /// The other side can read the ring that this one offered, or not.
    ///
    /// # Errors
    /// When none was offered.
    pub(super) fn ring_taken(&self, taken: bool) -> Result<(), Broken> {
        if self.wire().ring_taken(taken) { Ok(()) } else { Err(Broken::Turn(Kind::RingTaken)) }
    }

    /// Opens a channel that both sides agree on. Of one that nothing can be sent on, since the other
    /// side has gone, there may still be something to read.
    pub(crate) fn open(
        self: &Arc<Self>,
        (local, config): (u16, ChannelConfig),
        (remote, offer): (u16, &Offer),
    ) -> Arc<Channel> {
        let clamp = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let lane = Lane::new(remote, clamp(offer.window), clamp(offer.max_frame).min(MAX_FRAME));
        let mut channels = self.channels();
        self.outgoing().open(local, lane);
        let at = usize::from(local);
        if channels.len() <= at {
            channels.resize_with(at + 1, || None);
        }
        let channel = Arc::new(Channel::new(Arc::clone(self), local, config));
        channels[at] = Some(Arc::clone(&channel));
        channel
    }

    /// The open channel of that number, whether it still receives or not.
    pub(crate) fn channel(&self, local: u16) -> Option<Arc<Channel>> {
        self.channels().get(usize::from(local))?.clone()
    }

    /// Changes what is to be said, and has it written: by the writer, or here when there is much
    /// (then true, and the caller should let others run).
    #[inline]
    pub(crate) fn edit<R>(&self, change: impl FnOnce(&mut Outgoing) -> R) -> (R, bool) {
        let mut outgoing = self.outgoing();
        let result = change(&mut outgoing);
        let writer = outgoing.rouse();
        let heavy = outgoing.pending() >= INLINE;
        drop(outgoing);
        if let Some(writer) = writer {
            writer.wake();
        }
        (result, heavy && self.write_inline())
    }

    /// Writes what it can; the writer is awake and does the rest. False when someone else does.
    #[cold]
    fn write_inline(&self) -> bool {
        let mut wire = match self.wire.try_lock() {
            Ok(wire) => wire,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        // An error is the writer's to find again.
        !wire.is_blocked() && matches!(wire.write(&self.outgoing), Ok(Written::All | Written::Turn))
    }

    /// The writer task: ready when nothing can be written any more.
    fn poll_write(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut wire = self.wire();
        loop {
            match wire.write(&self.outgoing) {
                Ok(Written::All) => match self.outgoing().idle(cx.waker()) {
                    Rest::Wait(flushers) => {
                        wire.rest();
                        flushers.into_iter().for_each(Waker::wake);
                        ready!(wire.poll_leave(cx));
                    }
                    Rest::More => {}
                    Rest::Ended => break,
                },
                Ok(Written::Turn) => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Ok(Written::Blocked) => match wire.poll_writable(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => break,
                    Poll::Pending if self.outgoing().block(cx.waker()) => return Poll::Pending,
                    Poll::Pending => break,
                },
                Err(error) => {
                    if error.kind() == io::ErrorKind::InvalidData {
                        let node = self.peer;
                        report::error!("the link to node {node} is closed: it published {error}");
                    }
                    break;
                }
            }
        }
        drop(wire);
        // The reader finds the end too, after what there still is to read.
        self.end_outgoing();
        Poll::Ready(())
    }

    fn end_outgoing(&self) {
        let waiting = self.outgoing().end();
        self.wire().close();
        waiting.into_iter().for_each(Waker::wake);
    }

    /// The other side is gone: nothing more is sent, and what was received is the last.
    pub(crate) fn end(&self) {
        self.end_outgoing();
        let channels = std::mem::take(&mut *self.channels());
        channels.into_iter().flatten().for_each(|channel| channel.end());
    }

    /// Waits until all that was accepted so far has been handed to the kernel.
    pub(crate) async fn flush(&self) {
        std::future::poll_fn(|cx| self.outgoing().poll_flushed(cx)).await;
    }

    fn outgoing(&self) -> MutexGuard<'_, Outgoing> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn channels(&self) -> MutexGuard<'_, Vec<Option<Arc<Channel>>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
