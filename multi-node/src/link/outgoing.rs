//! What a node has to say on one link: bytes not yet handed to the kernel, and where the writer is
//! that will hand them over.
//!
//! Messages are encoded straight into the buffer that the writer will write, so that nothing is
//! queued as a value and nothing is copied. A message goes only when its
//! channel's [`Lane`] has room. This module decides and encodes; it writes nothing.

use std::collections::VecDeque;
use std::mem;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, Waker};

use serde::Serialize;

use super::codec::{self, EncodeError};
use super::error::{CloseReason, SendError};
use super::fds::{MAX_FDS, Parcel};
use super::frame::{self, Draft, HEADER, Kind};
use super::lane::Lane;

/// Why a channel did not take a message.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The window has no room for it, or others wait.
    Full,
    /// It will never go.
    Never(SendError),
}

/// Where the task is that writes what is pending.
#[derive(Debug)]
enum Writer {
    /// It has nothing to write.
    Idle(Waker),
    /// The kernel takes no more, and will wake it.
    Blocked(Waker),
    /// It runs or will run, and looks here again before it waits.
    Awake,
}

/// What a writer that wrote all it could does next.
#[derive(Debug)]
pub(crate) enum Rest {
    /// It waits; those who flush are to be woken, for all is written.
    Wait(Vec<Waker>),
    /// Something came meanwhile.
    More,
    /// Nothing will be written any more.
    Ended,
}

/// What is to be said on a link. See the module.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pending: Vec<u8>,
    /// Fds that go before some of those bytes.
    parcels: VecDeque<Parcel>,
    /// Bytes that the writer took and has not written yet, as far as is known here.
    taken: bool,
    writer: Writer,
    /// By this side's number for the channel.
    lanes: Vec<Option<Lane>>,
    ended: bool,
    flushers: Vec<Waker>,
}

impl Outgoing {
    pub(crate) fn new() -> Self {
        Outgoing {
            pending: Vec::new(),
            parcels: VecDeque::new(),
            taken: false,
            writer: Writer::Awake,
            lanes: Vec::new(),
            ended: false,
            flushers: Vec::new(),
        }
    }

    /// Adds the sending half of a channel; it is closed when nothing can be written any more.
    pub(crate) fn open(&mut self, local: u16, mut lane: Lane) {
        if self.ended {
            // Nobody waits for it yet.
            let _ = lane.close(CloseReason::Ended);
        }
        let at = usize::from(local);
        if self.lanes.len() <= at {
            self.lanes.resize_with(at + 1, || None);
        }
        self.lanes[at] = Some(lane);
    }

    /// Adds a frame that is no message.
    pub(crate) fn control<T: Serialize>(&mut self, kind: Kind, channel: u16, payload: &T) {
        if self.ended {
            return;
        }
        let draft = Draft::new(&mut self.pending);
        // Our own small types always encode; a frame that did not would simply not be sent.
        if codec::encode_into(draft.buffer, payload, frame::MAX_CONTROL).is_ok() {
            draft.seal(channel, kind);
        }
    }

    /// Adds a control frame for the other end of an open channel.
    pub(crate) fn control_on<T: Serialize>(&mut self, local: u16, kind: Kind, payload: &T) {
        if let Some(remote) = self.lane(local).map(|lane| lane.remote) {
            self.control(kind, remote, payload);
        }
    }

    /// Adds a message that `encode` appends, with `fds`, which it then takes, or leaves everything
    /// as it was.
    #[inline]
    pub(crate) fn push<E>(
        &mut self,
        local: u16,
        fds: &mut Vec<OwnedFd>,
        encode: E,
    ) -> Result<(), Refused>
    where
        E: FnOnce(&mut Vec<u8>, usize) -> Result<(), EncodeError>,
    {
        // Those who wait learn by themselves that a channel closed; until then they come first.
        if self.lane(local).is_some_and(|lane| lane.closed().is_none() && lane.has_queue()) {
            return Err(Refused::Full);
        }
        self.append(local, fds, encode).map_err(|refused| match refused {
            Unsent::Full { .. } => Refused::Full,
            Unsent::Never(error) => Refused::Never(error),
        })
    }

    fn append<E>(&mut self, local: u16, fds: &mut Vec<OwnedFd>, encode: E) -> Result<(), Unsent>
    where
        E: FnOnce(&mut Vec<u8>, usize) -> Result<(), EncodeError>,
    {
        let Some(Some(lane)) = self.lanes.get_mut(usize::from(local)) else {
            return Err(Unsent::closed(CloseReason::Ended));
        };
        if let Some(reason) = lane.closed() {
            return Err(Unsent::closed(reason));
        }
        if !lane.fits(HEADER) {
            return Err(Unsent::Full { need: HEADER });
        }
        if fds.len() > MAX_FDS {
            return Err(Unsent::Never(SendError::TooManyFds { max: MAX_FDS }));
        }
        let at = self.pending.len();
        let draft = Draft::new(&mut self.pending);
        encode(draft.buffer, lane.max_frame).map_err(Unsent::from)?;
        let cost = lane.cost(draft.len(), fds.len());
        if !lane.fits(cost) {
            return Err(Unsent::Full { need: cost });
        }
        lane.charge(cost);
        if fds.is_empty() {
            draft.seal(lane.remote, Kind::Data);
        } else {
            draft.seal(lane.remote, Kind::DataWithFds);
            self.parcels.push_back(Parcel::new(at, mem::take(fds)));
        }
        Ok(())
    }

    /// Takes a place at the end of the queue of a full channel.
    pub(crate) fn queue(&mut self, local: u16, waker: &Waker) -> u64 {
        self.lane(local).map_or(0, |lane| lane.queue(waker))
    }

    /// Sends, if it is the turn of `ticket` and there is room; keeps its place otherwise.
    pub(crate) fn poll_turn<E>(
        &mut self,
        local: u16,
        ticket: u64,
        cx: &mut Context<'_>,
        fds: &mut Vec<OwnedFd>,
        encode: E,
    ) -> Poll<Result<(), SendError>>
    where
        E: FnOnce(&mut Vec<u8>, usize) -> Result<(), EncodeError>,
    {
        if let Some(lane) = self.lane(local)
            && lane.closed().is_none()
            && !lane.is_first(ticket)
        {
            lane.wait(ticket, None, cx.waker());
            return Poll::Pending;
        }
        match self.append(local, fds, encode) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(Unsent::Never(error)) => Poll::Ready(Err(error)),
            Err(Unsent::Full { need }) => {
                self.wait_first(local, ticket, need, cx);
                Poll::Pending
            }
        }
    }

    /// Waits at the head of the queue, and asks the other side for what it consumed already.
    fn wait_first(&mut self, local: u16, ticket: u64, need: usize, cx: &mut Context<'_>) {
        let Some(lane) = self.lane(local) else { return };
        lane.wait(ticket, Some(need), cx.waker());
        if lane.starve() {
            self.control_on(local, Kind::Starved, &());
        }
    }

    /// Gives up a place in the queue, used or not; the result is to be woken.
    pub(crate) fn leave(&mut self, local: u16, ticket: u64) -> Option<Waker> {
        self.lane(local)?.leave(ticket)
    }

    /// The other side consumed that many bytes; the result is to be woken.
    pub(crate) fn credit(&mut self, local: u16, bytes: u64) -> Option<Waker> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.lane(local)?.credit(bytes)
    }

    /// The other side receives no more; all who wait are to be woken.
    pub(crate) fn close(&mut self, local: u16, reason: CloseReason) -> Vec<Waker> {
        self.lane(local).map_or_else(Vec::new, |lane| lane.close(reason).collect())
    }

    /// Why the other side receives no more, when it does not.
    pub(crate) fn closed(&self, local: u16) -> Option<CloseReason> {
        match self.lanes.get(usize::from(local)) {
            Some(Some(lane)) => lane.closed(),
            _ => Some(CloseReason::Ended),
        }
    }

    /// Nothing more can be said; all who wait are to be woken.
    pub(crate) fn end(&mut self) -> Vec<Waker> {
        self.ended = true;
        self.pending = Vec::new();
        self.parcels = VecDeque::new();
        let mut wake = mem::take(&mut self.flushers);
        for lane in self.lanes.iter_mut().flatten() {
            let reason = lane.closed().unwrap_or(CloseReason::Ended);
            wake.extend(lane.close(reason));
        }
        match mem::replace(&mut self.writer, Writer::Awake) {
            Writer::Idle(writer) | Writer::Blocked(writer) => wake.push(writer),
            Writer::Awake => {}
        }
        wake
    }

    /// The writer, when there is something to write and it does not know.
    #[inline]
    pub(crate) fn rouse(&mut self) -> Option<Waker> {
        if self.pending.is_empty() || !matches!(self.writer, Writer::Idle(_)) {
            return None;
        }
        match mem::replace(&mut self.writer, Writer::Awake) {
            Writer::Idle(waker) | Writer::Blocked(waker) => Some(waker),
            Writer::Awake => None,
        }
    }

    /// Bytes that wait to be taken.
    #[inline]
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Swaps what is pending for the empty `spare`, and the fds beside it; false when there is
    /// nothing. That the writer asks says that it wrote all that it took before.
    pub(super) fn take(&mut self, spare: &mut Vec<u8>, parcels: &mut VecDeque<Parcel>) -> bool {
        self.taken = !self.pending.is_empty();
        if self.taken {
            mem::swap(&mut self.pending, spare);
            mem::swap(&mut self.parcels, parcels);
        }
        self.taken
    }

    /// The writer has nothing to write and would wait.
    pub(crate) fn idle(&mut self, writer: &Waker) -> Rest {
        if self.ended {
            return Rest::Ended;
        }
        if !self.pending.is_empty() {
            return Rest::More;
        }
        self.writer = Writer::Idle(writer.clone());
        Rest::Wait(mem::take(&mut self.flushers))
    }

    /// The writer waits for the kernel; false when there is nothing to wait for any more.
    pub(crate) fn block(&mut self, writer: &Waker) -> bool {
        self.writer = Writer::Blocked(writer.clone());
        !self.ended
    }

    /// Ready when all that was accepted has been written, or never will be.
    pub(crate) fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.ended || (self.pending.is_empty() && !self.taken) {
            return Poll::Ready(());
        }
        if !self.flushers.iter().any(|flusher| flusher.will_wake(cx.waker())) {
            self.flushers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn lane(&mut self, local: u16) -> Option<&mut Lane> {
        self.lanes.get_mut(usize::from(local))?.as_mut()
    }
}

/// As [`Refused`], with the room that was missing.
#[derive(Debug)]
enum Unsent {
    Full { need: usize },
    Never(SendError),
}

impl Unsent {
    fn closed(reason: CloseReason) -> Self {
        Unsent::Never(SendError::Closed { reason })
    }
}

impl From<EncodeError> for Unsent {
    fn from(error: EncodeError) -> Self {
        Unsent::Never(error.into())
    }
}

impl From<EncodeError> for SendError {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::TooLarge { max } => SendError::TooLarge { max },
            EncodeError::Failed(message) => SendError::Encode { message },
        }
    }
}
