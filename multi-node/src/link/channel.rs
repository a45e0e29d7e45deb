//! One message type on one link: both halves, the queue of those who wait to send, and how it
//! closes. Knows bytes and how to have them encoded, not the type.

use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::backlog::{Frames, Taken};
use super::codec::EncodeError;
use super::connection::Link;
use super::error::{CloseReason, SendError, TrySendError};
use super::frame::Kind;
use super::hello::{Close, Credit, Offer};
use super::inbox::{Arrival, Inbox, Overrun};
use super::outgoing::Refused;
use super::pool;
use super::when_full::WhenFull;
use crate::config::NodeId;
use crate::report;

/// The most that [`ChannelConfig::max_frame`] may be: 1 GiB.
pub(crate) const MAX_FRAME: usize = 1 << 30;

/// How much of one message type a node takes in from each other node, and what becomes of the rest.
///
/// ```
/// use multi_node::{ChannelConfig, WhenFull};
///
/// let config = ChannelConfig::new()
///     .window(256 * 1024)
///     .max_frame(64 * 1024)
///     .when_full(WhenFull::DropOldest);
/// # let _ = config;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelConfig {
    pub(crate) window: usize,
    pub(crate) max_frame: usize,
    pub(crate) when_full: WhenFull,
}

impl ChannelConfig {
    /// A window of 1 MiB, for which senders wait, and frames of 16 MiB at most.
    pub fn new() -> Self {
        ChannelConfig { window: 1 << 20, max_frame: 16 << 20, when_full: WhenFull::default() }
    }

    /// Bytes, encoded and with 8 for each message, that one node may have on their way here before
    /// the handler has received them (default 1 MiB); a sender then waits. A larger message goes
    /// when nothing else of its channel is under way. Descriptors take some of it too
    /// ([`Peer::send_with_fds`](crate::Peer::send_with_fds)).
    ///
    /// With a [`when_full`](ChannelConfig::when_full) for which senders do not wait, that much may
    /// wait here, and as much again be what the handler has begun.
    #[must_use]
    pub fn window(self, bytes: usize) -> Self {
        ChannelConfig { window: bytes, ..self }
    }

    /// Bytes, encoded, of the largest message that this node takes (default 16 MiB, at most
    /// 1 GiB); a larger one is refused where it is sent.
    #[must_use]
    pub fn max_frame(self, bytes: usize) -> Self {
        ChannelConfig { max_frame: bytes.min(MAX_FRAME), ..self }
    }

    /// What becomes of a message that comes while a window of others waits for the handler already
    /// (default [`WhenFull::Wait`]).
    ///
    /// Whatever else is chosen, a sender does not wait for the handler, only for this node to read
    /// what is under way, which it does at once. [`Peer::recv_or_lagged`](crate::Peer::recv_or_lagged)
    /// says what is missing, and where. A handler takes what waits in batches; of one that it has
    /// begun nothing is dropped any more.
    ///
    /// A process that is stopped, or whose runtime is blocked, reads nothing and so drops nothing:
    /// once a window is under way to it `send` waits, whatever it chose. Who cannot wait has
    /// [`Peer::try_send`](crate::Peer::try_send), which says `Full` then, or puts a timeout around
    /// `send`; and the option `hang_timeout` has such a worker replaced.
    #[must_use]
    pub fn when_full(self, when_full: WhenFull) -> Self {
        ChannelConfig { when_full, ..self }
    }

    /// What the other side is told of a type that this one asks for with it.
    pub(crate) fn offer(self, name: String, fingerprint: u64) -> Offer {
        let (window, max_frame) = (self.window as u64, self.max_frame as u64);
        Offer { name, fingerprint, window, max_frame }
    }
}

impl Default for ChannelConfig {
    fn default() -> Self {
        ChannelConfig::new()
    }
}

/// An open channel. Lives as long as anyone holds it; it is useful as long as its link.
#[derive(Debug)]
pub(crate) struct Channel {
    link: Arc<Link>,
    /// This side's number for it.
    local: u16,
    max_frame: usize,
    inbox: Mutex<Inbox>,
}

impl Channel {
    pub(crate) fn new(link: Arc<Link>, local: u16, config: ChannelConfig) -> Self {
        let inbox = Mutex::new(Inbox::new(config.window, config.when_full));
        Channel { link, local, max_frame: config.max_frame, inbox }
    }

    /// The node at the other end.
    pub(crate) fn node(&self) -> NodeId {
        self.link.peer()
    }

    /// Bytes the payload of a message to this side may have.
    pub(crate) fn max_frame(&self) -> usize {
        self.max_frame
    }

    /// Has a message encoded and sent, if the window has room. True when so much was pending
    /// that the caller should let others run.
    #[inline]
    pub(crate) fn try_send<E>(&self, encode: E) -> Result<bool, TrySendError>
    where
        E: FnOnce(&mut Vec<u8>, usize) -> Result<(), EncodeError>,
    {
        self.try_send_with_fds(&mut Vec::new(), encode)
    }

    /// As [`Channel::try_send`], with fds, which a message that is sent takes along.
    #[inline]
    pub(crate) fn try_send_with_fds<E>(
        &self,
        fds: &mut Vec<OwnedFd>,
        encode: E,
    ) -> Result<bool, TrySendError>
    where
        E: FnOnce(&mut Vec<u8>, usize) -> Result<(), EncodeError>,
    {
        let (sent, heavy) = self.link.edit(|out| out.push(self.local, fds, encode));
        match sent {
            Ok(()) => Ok(heavy),
            Err(Refused::Full) => Err(TrySendError::Full),
            Err(Refused::Never(error)) => Err(error.into()),
        }
    }

    /// Has a message encoded and sent, and waits for room, after those who wait already.
    ///
    /// Dropped before it is done, it sent nothing, unless it had been sent whole and only let
    /// others run.
    pub(crate) async fn send<E>(&self, encode: E) -> Result<(), SendError>
    where
        E: Fn(&mut Vec<u8>, usize) -> Result<(), EncodeError>,
    {
        self.send_with_fds(Vec::new(), encode).await
    }

    /// As [`Channel::send`], with fds, which are closed if it is not sent.
    pub(crate) async fn send_with_fds<E>(
        &self,
        mut fds: Vec<OwnedFd>,
        encode: E,
    ) -> Result<(), SendError>
    where
        E: Fn(&mut Vec<u8>, usize) -> Result<(), EncodeError>,
    {
        match self.try_send_with_fds(&mut fds, &encode) {
            Ok(false) => Ok(()),
            Ok(true) => {
                tokio::task::yield_now().await;
                Ok(())
            }
            Err(TrySendError::Refused(error)) => Err(error),
            Err(TrySendError::Full) => self.send_in_turn(fds, encode).await,
        }
    }

    /// Has a message encoded and sent with its fds once it is its turn and there is room.
    ///
    /// Dropped before it is done, it sent nothing.
    pub(crate) async fn send_in_turn<E>(
        &self,
        mut fds: Vec<OwnedFd>,
        encode: E,
    ) -> Result<(), SendError>
    where
        E: Fn(&mut Vec<u8>, usize) -> Result<(), EncodeError>,
    {
        let mut turn = Turn { channel: self, ticket: None };
        poll_fn(|cx| turn.poll(cx, &mut fds, &encode)).await
    }

    /// Why the other side does not receive any more, when it does not.
    pub(crate) fn closed(&self) -> Option<CloseReason> {
        self.link.edit(|out| out.closed(self.local)).0
    }

    /// Why nothing more will come, or nothing more will be taken; `None` while both go on.
    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        self.inbox().ended().or_else(|| self.closed())
    }

    /// Takes the oldest frames that came, as whole frames, in exchange for an empty buffer.
    pub(crate) fn poll_take(
        &self,
        cx: &mut Context<'_>,
        batch: &mut Vec<u8>,
    ) -> Poll<Option<Taken>> {
        self.inbox().poll_take(cx, batch)
    }

    /// Empties a used batch; one that a link can read into goes back to be.
    pub(crate) fn recycle(&self, batch: &mut Vec<u8>) {
        if batch.capacity() >= pool::READ {
            self.link.pool().give(std::mem::take(batch));
        }
        batch.clear();
    }

    /// Says that the handler took messages of so many bytes of frames.
    pub(crate) fn consume(&self, bytes: usize) {
        let credit = self.inbox().consume(bytes);
        self.credit(credit);
    }

    fn credit(&self, bytes: usize) {
        if bytes > 0 {
            let credit = Credit(bytes as u64);
            self.link.edit(|out| out.control_on(self.local, Kind::Credit, &credit));
        }
    }

    /// This side receives no more; it may go on sending.
    pub(crate) fn drop_receiver(&self) {
        let news = self.inbox().deafen();
        if news {
            self.say(Close::Dropped);
        }
    }

    /// Ends both directions, because of what happened on this side.
    pub(crate) fn abort(&self, close: Close) {
        self.say(close);
        self.stop(close.reason());
        self.inbox().deafen();
    }

    fn say(&self, close: Close) {
        self.link.edit(|out| out.control_on(self.local, Kind::Close, &close));
    }

    /// Neither direction goes on; what came before can still be taken.
    fn stop(&self, reason: CloseReason) {
        let senders = self.link.edit(|out| out.close(self.local, reason)).0;
        let receiver = self.inbox().end(reason);
        senders.into_iter().chain(receiver).for_each(std::task::Waker::wake);
    }

    /// Frames came.
    pub(crate) fn receive(&self, frames: Frames<'_>) {
        let arrival = self.inbox().receive(frames);
        match arrival {
            Ok(Arrival { handler, credit, closes }) => {
                handler.into_iter().for_each(std::task::Waker::wake);
                self.credit(credit);
                if closes {
                    self.say(Close::Lagged);
                }
            }
            Err(Overrun) => {
                let node = self.node();
                report::error!("a channel to node {node} is closed: it sent more than the window");
                self.abort(Close::Malformed);
            }
        }
    }

    /// The other side waits for credit.
    pub(crate) fn starved(&self) {
        let credit = self.inbox().starve();
        self.credit(credit);
    }

    /// The other side consumed that many bytes.
    pub(crate) fn credited(&self, bytes: u64) {
        let sender = self.link.edit(|out| out.credit(self.local, bytes)).0;
        sender.into_iter().for_each(std::task::Waker::wake);
    }

    /// The other side closed the channel.
    pub(crate) fn closed_by_peer(&self, close: Close) {
        if close.ends_sending() {
            return self.stop(close.reason());
        }
        let senders = self.link.edit(|out| out.close(self.local, close.reason())).0;
        senders.into_iter().for_each(std::task::Waker::wake);
    }

    /// The link has ended.
    pub(crate) fn end(&self) {
        let receiver = self.inbox().end(CloseReason::Ended);
        receiver.into_iter().for_each(std::task::Waker::wake);
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the queue of a full channel, given up when dropped.
struct Turn<'a> {
    channel: &'a Channel,
    ticket: Option<u64>,
}

impl Turn<'_> {
    fn poll<E>(
        &mut self,
        cx: &mut Context<'_>,
        fds: &mut Vec<OwnedFd>,
        encode: &E,
    ) -> Poll<Result<(), SendError>>
    where
        E: Fn(&mut Vec<u8>, usize) -> Result<(), EncodeError>,
    {
        let local = self.channel.local;
        let edited = self.channel.link.edit(|out| {
            let ticket = *self.ticket.get_or_insert_with(|| out.queue(local, cx.waker()));
            out.poll_turn(local, ticket, cx, fds, encode)
        });
        edited.0
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let next = self.channel.link.edit(|out| out.leave(self.channel.local, ticket)).0;
        next.into_iter().for_each(std::task::Waker::wake);
    }
}
