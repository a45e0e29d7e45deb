//! Reads a link: one large read, then every whole frame in it goes to its channel.
//!
//! It always reads; whether a handler keeps up is the windows' affair. It never decodes a
//! message. Bytes that are no frames end the link, with a line in the log, and nothing else.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::backlog::Frames;
use super::channel::Channel;
use super::connection::{Link, Owner};
use super::frame::{self, Broken, Found, HEADER, Kind};
use super::hello::{self, Close, Credit, Fds, Hello, Offer, Ring, RingTaken};
use super::inbound::{Inbound, Read};
use super::pool::READ;
use super::readable::Readable;
use crate::report;

/// After a read of this many bytes those who handle them get a turn before the next.
const TURN: usize = READ / 4;

/// The reading side of a link. The link ends when this is dropped.
pub(crate) struct Reader {
    link: Arc<Link>,
    owner: Arc<dyn Owner>,
    inbound: Inbound,
    /// Bytes read and not yet found to be whole frames; without capacity when there are none.
    buffer: Vec<u8>,
    greeted: bool,
}

impl Reader {
    pub(crate) fn new(link: Arc<Link>, socket: Readable, owner: Arc<dyn Owner>) -> Self {
        let inbound = Inbound::new(socket, link.pool().messaging().busy_poll);
        Reader { link, owner, inbound, buffer: Vec::new(), greeted: false }
    }

    /// Reads until the other side is gone.
    pub(crate) async fn run(mut self) {
        loop {
            match self.read_on().await {
                Ok(Read::Bytes(bytes)) if bytes >= TURN => tokio::task::yield_now().await,
                Ok(Read::Bytes(_)) => {}
                Ok(Read::End) => return,
                Err(broken) => {
                    let node = self.link.peer();
                    report::error!("the link to node {node} is closed: it sent {broken}");
                    return;
                }
            }
        }
    }

    async fn read_on(&mut self) -> Result<Read, Broken> {
        let read = std::future::poll_fn(|cx| self.poll_fill(cx)).await?;
        self.dispatch()?;
        Ok(read)
    }

    /// Reads once; holds no buffer while there is nothing to read.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Read, Broken>> {
        if self.buffer.capacity() == 0 {
            self.buffer = self.link.pool().take();
        }
        let poll = self.inbound.poll_read(cx, &mut self.buffer);
        if poll.is_pending() && self.buffer.is_empty() {
            self.link.pool().give(std::mem::take(&mut self.buffer));
        }
        poll
    }

    /// Hands out every whole frame, and makes room for the rest of one that is not.
    fn dispatch(&mut self) -> Result<(), Broken> {
        let link = Arc::clone(&self.link);
        let mut at = 0;
        loop {
            let mut channel = None;
            let found = frame::scan(&self.buffer[at..], |number| {
                channel = link.channel(number);
                channel.as_deref().map(Channel::max_frame)
            })?;
            match found {
                Found::Run { channel: number, len } => {
                    let channel = channel.ok_or(Broken::Channel(number))?;
                    at = self.deliver(&channel, at, len);
                }
                Found::WithFds { channel: number, len } => {
                    let channel = channel.ok_or(Broken::Channel(number))?;
                    let fds = self.inbound.fds()?;
                    channel.receive(Frames::WithFds(&self.buffer[at..at + len], fds));
                    at += len;
                }
                Found::Control { kind, channel, len } => {
                    self.obey(kind, channel, at..at + len)?;
                    at += len;
                }
                Found::Partial { need } => {
                    self.make_room(at, need);
                    return Ok(());
                }
            }
        }
    }

    /// Gives frames to their channel, with the whole buffer when they are most of it; returns
    /// where the bytes that follow begin.
    fn deliver(&mut self, channel: &Channel, at: usize, len: usize) -> usize {
        if at > 0 || len < self.buffer.capacity() / 2 {
            channel.receive(Frames::Shared(&self.buffer[at..at + len]));
            return at + len;
        }
        let mut rest = self.link.pool().take();
        rest.extend_from_slice(&self.buffer[len..]);
        let mut whole = std::mem::replace(&mut self.buffer, rest);
        whole.truncate(len);
        channel.receive(Frames::Whole(whole));
        0
    }

    /// Moves what is left, from `at` on, to the start of a buffer that holds `need` bytes.
    fn make_room(&mut self, at: usize, need: usize) {
        if self.buffer.capacity() >= need && self.buffer.capacity() <= READ {
            self.buffer.drain(..at);
        } else if self.buffer.capacity() < need || at > 0 {
            let mut larger = self.link.pool().take_for(need);
            larger.extend_from_slice(&self.buffer[at..]);
            self.link.pool().give(std::mem::replace(&mut self.buffer, larger));
        }
    }

    fn obey(
        &mut self,
        kind: Kind,
        number: u16,
        frame: std::ops::Range<usize>,
    ) -> Result<(), Broken> {
        let payload = &self.buffer[frame.start + HEADER..frame.end];
        let out_of_turn = (kind == Kind::Hello) == self.greeted;
        if out_of_turn {
            return Err(Broken::Turn(kind));
        }
        let channel = || self.link.channel(number).ok_or(Broken::Channel(number));
        match kind {
            Kind::Hello => {
                hello::read::<Hello>(kind, payload)?.check(self.link.peer().0)?;
                self.greeted = true;
            }
            Kind::Open => {
                let offer: Offer = hello::read(kind, payload)?;
                self.owner.offered(&self.link, number, offer)?;
            }
            Kind::Credit => channel()?.credited(hello::read::<Credit>(kind, payload)?.0),
            Kind::Starved => channel()?.starved(),
            Kind::Close => channel()?.closed_by_peer(hello::read::<Close>(kind, payload)?),
            Kind::Ring => {
                let size = hello::read::<Ring>(kind, payload)?.0;
                let taken = self.inbound.offered(size)?;
                self.link.answer_ring(taken);
            }
            Kind::RingTaken => self.link.ring_taken(hello::read::<RingTaken>(kind, payload)?.0)?,
            Kind::Switch => self.inbound.switch(&mut self.buffer, frame.end)?,
            Kind::Fds => self.inbound.named(hello::read::<Fds>(kind, payload)?)?,
            // `scan` tells messages apart from what is said to a reader.
            Kind::Data | Kind::DataWithFds => return Err(Broken::Turn(kind)),
        }
        Ok(())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.owner.ended(&self.link);
        self.link.end();
    }
}
