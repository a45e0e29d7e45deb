//! What a node has to say on one link: bytes not yet handed to the kernel, and for every channel
//! how much more the other side takes and who waits for that.
//!
//! Messages are encoded straight into the buffer that the writer will write, so that nothing is
//! queued as a value and nothing is copied. This module decides and encodes; it writes nothing.

use std::collections::VecDeque;
use std::mem;
use std::task::{Context, Poll, Waker};

use serde::Serialize;

use super::codec::{self, EncodeError};
use super::error::{CloseReason, SendError};
use super::frame::{self, Draft, HEADER, Kind};

/// Why a channel did not take a message.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The window has no room for it, or others wait.
    Full,
    /// It will never go.
    Never(SendError),
}

/// The sending half of one channel.
#[derive(Debug)]
struct Lane {
    /// The other side's number for this channel.
    remote: u16,
    /// Bytes of frames the other side takes before it has consumed any.
    window: usize,
    /// Bytes of frames sent and not credited yet.
    in_flight: usize,
    max_frame: usize,
    closed: Option<CloseReason>,
    /// Who waits to send, in order; only the first may go.
    waiters: VecDeque<Waiter>,
    next_ticket: u64,
    /// Whether the other side knows that someone waits here.
    told_starved: bool,
}

/// Someone's place in the queue of a full channel.
#[derive(Debug)]
struct Waiter {
    ticket: u64,
    /// Bytes its frame takes, once it has been tried.
    need: usize,
    waker: Waker,
}

impl Lane {
    /// Whether a frame of `cost` bytes may go now. One larger than the window goes alone.
    fn fits(&self, cost: usize) -> bool {
        self.in_flight == 0 || self.in_flight.saturating_add(cost) <= self.window
    }

    /// Who is to be woken because the channel, or the place at the head of the queue, got free.
    fn next_up(&self) -> Option<Waker> {
        let first = self.waiters.front()?;
        (self.closed.is_some() || self.fits(first.need)).then(|| first.waker.clone())
    }
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
            taken: false,
            writer: Writer::Awake,
            lanes: Vec::new(),
            ended: false,
            flushers: Vec::new(),
        }
    }

    /// Adds the sending half of a channel; false when the link has ended.
    pub(crate) fn open(
        &mut self,
        local: u16,
        remote: u16,
        window: usize,
        max_frame: usize,
    ) -> bool {
        let at = usize::from(local);
        if self.lanes.len() <= at {
            self.lanes.resize_with(at + 1, || None);
        }
        self.lanes[at] = Some(Lane {
            remote,
            window,
            in_flight: 0,
            max_frame,
            closed: None,
            waiters: VecDeque::new(),
            next_ticket: 0,
            told_starved: false,
        });
        !self.ended
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

    /// Adds a message that `encode` appends, or leaves everything as it was.
    #[inline]
    pub(crate) fn push<E>(&mut self, local: u16, encode: E) -> Result<(), Refused>
    where
        E: FnOnce(&mut Vec<u8>, usize) -> Result<(), EncodeError>,
    {
        // Those who wait learn by themselves that a channel closed; until then they come first.
        if self.lane(local).is_some_and(|lane| lane.closed.is_none() && !lane.waiters.is_empty()) {
            return Err(Refused::Full);
        }
        self.append(local, encode).map_err(|refused| match refused {
            Unsent::Full { .. } => Refused::Full,
            Unsent::Never(error) => Refused::Never(error),
        })
    }

    fn append<E>(&mut self, local: u16, encode: E) -> Result<(), Unsent>
    where
        E: FnOnce(&mut Vec<u8>, usize) -> Result<(), EncodeError>,
    {
        let Some(Some(lane)) = self.lanes.get_mut(usize::from(local)) else {
            return Err(Unsent::closed(CloseReason::Ended));
        };
        if let Some(reason) = lane.closed {
            return Err(Unsent::closed(reason));
        }
        if !lane.fits(HEADER) {
            return Err(Unsent::Full { need: HEADER });
        }
        let draft = Draft::new(&mut self.pending);
        encode(draft.buffer, lane.max_frame).map_err(Unsent::from)?;
        let cost = draft.len();
        if !lane.fits(cost) {
            return Err(Unsent::Full { need: cost });
        }
        lane.in_flight = lane.in_flight.saturating_add(cost);
        draft.seal(lane.remote, Kind::Data);
        Ok(())
    }

    /// Takes a place at the end of the queue of a full channel.
    pub(crate) fn queue(&mut self, local: u16, waker: &Waker) -> u64 {
        let Some(lane) = self.lane(local) else { return 0 };
        let ticket = lane.next_ticket;
        lane.next_ticket += 1;
        lane.waiters.push_back(Waiter { ticket, need: HEADER, waker: waker.clone() });
        ticket
    }

    /// Sends, if it is the turn of `ticket` and there is room; keeps its place otherwise.
    pub(crate) fn poll_turn<E>(
        &mut self,
        local: u16,
        ticket: u64,
        cx: &mut Context<'_>,
        encode: E,
    ) -> Poll<Result<(), SendError>>
    where
        E: FnOnce(&mut Vec<u8>, usize) -> Result<(), EncodeError>,
    {
        let closed = self.lane(local).is_none_or(|lane| lane.closed.is_some());
        let first = self.lane(local).and_then(|lane| lane.waiters.front());
        if !closed && first.is_some_and(|first| first.ticket != ticket) {
            self.wait(local, ticket, None, cx);
            return Poll::Pending;
        }
        match self.append(local, encode) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(Unsent::Never(error)) => Poll::Ready(Err(error)),
            Err(Unsent::Full { need }) => {
                self.wait(local, ticket, Some(need), cx);
                self.tell_starved(local);
                Poll::Pending
            }
        }
    }

    fn wait(&mut self, local: u16, ticket: u64, need: Option<usize>, cx: &mut Context<'_>) {
        let Some(lane) = self.lane(local) else { return };
        if let Some(waiter) = lane.waiters.iter_mut().find(|waiter| waiter.ticket == ticket) {
            waiter.need = need.unwrap_or(waiter.need);
            waiter.waker.clone_from(cx.waker());
        }
    }

    /// Asks for what has been consumed already, once a wait.
    fn tell_starved(&mut self, local: u16) {
        let Some(lane) = self.lane(local) else { return };
        if !mem::replace(&mut lane.told_starved, true) {
            self.control_on(local, Kind::Starved, &());
        }
    }

    /// Gives up a place in the queue, used or not; the result is to be woken.
    pub(crate) fn leave(&mut self, local: u16, ticket: u64) -> Option<Waker> {
        let lane = self.lane(local)?;
        let at = lane.waiters.iter().position(|waiter| waiter.ticket == ticket)?;
        lane.waiters.remove(at);
        if at == 0 { lane.next_up() } else { None }
    }

    /// The other side consumed that many bytes (what it claims beyond what it was sent is
    /// ignored); the result is to be woken.
    pub(crate) fn credit(&mut self, local: u16, bytes: u64) -> Option<Waker> {
        let lane = self.lane(local)?;
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        lane.in_flight = lane.in_flight.saturating_sub(bytes);
        lane.told_starved = false;
        lane.next_up()
    }

    /// The other side receives no more; all who wait are to be woken.
    pub(crate) fn close(&mut self, local: u16, reason: CloseReason) -> Vec<Waker> {
        let Some(lane) = self.lane(local) else { return Vec::new() };
        lane.closed = Some(reason);
        lane.waiters.iter().map(|waiter| waiter.waker.clone()).collect()
    }

    /// Why the other side receives no more, when it does not.
    pub(crate) fn closed(&self, local: u16) -> Option<CloseReason> {
        match self.lanes.get(usize::from(local)) {
            Some(Some(lane)) => lane.closed,
            _ => Some(CloseReason::Ended),
        }
    }

    /// Nothing more can be said; all who wait are to be woken.
    pub(crate) fn end(&mut self) -> Vec<Waker> {
        self.ended = true;
        self.pending = Vec::new();
        let mut wake = mem::take(&mut self.flushers);
        for lane in self.lanes.iter_mut().flatten() {
            lane.closed.get_or_insert(CloseReason::Ended);
            wake.extend(lane.waiters.iter().map(|waiter| waiter.waker.clone()));
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

    /// Swaps what is pending for the empty `spare`; false when there is nothing. That the writer
    /// asks says that it wrote all that it took before.
    pub(crate) fn take(&mut self, spare: &mut Vec<u8>) -> bool {
        self.taken = !self.pending.is_empty();
        if self.taken {
            mem::swap(&mut self.pending, spare);
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
        self.flushers.push(cx.waker().clone());
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
