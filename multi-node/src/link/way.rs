//! Which way the bytes of this side of a link go: through its socket, or through a ring.
//!
//! ```text
//! Socket ─busy─▶ Offered ─taken─▶ Taken ─▶ Entering ─▶ Ring ─unused─▶ Leaving ─▶ Socket
//!    ▲               │                     (Switch,            (Switch,
//!    └────refused────┘               the last of the socket)  the last of the ring)
//! ```
//!
//! It changes between two frames alone, and `Switch` tells the reader where to go on, so that
//! nothing is lost or overtaken. It writes nothing but the offer.

use std::io;
use std::mem;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep};

use super::frame::{self, Kind};
use super::outbound::Outbound;
use super::pool::Pool;
use super::traffic::Traffic;

/// A ring that was not used for so long, or up to twice as long, is left.
const LINGER: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub(super) struct Way {
    state: State,
    traffic: Traffic,
    /// The socket did not take the offer of a ring yet.
    wanted: bool,
    /// Whether the ring was used since that was last looked at.
    used: bool,
    linger: Option<Pin<Box<Sleep>>>,
    pool: Arc<Pool>,
    runtime: Handle,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Socket,
    Offered(Outbound),
    Taken(Outbound),
    Entering(Outbound),
    Ring(Outbound),
    Leaving(Outbound),
}

impl Way {
    pub(super) fn new(pool: Arc<Pool>, runtime: Handle) -> Self {
        let (state, traffic) = (State::default(), Traffic::default());
        Way { state, traffic, wanted: false, used: false, linger: None, pool, runtime }
    }

    /// The ring, when it is where bytes go now.
    pub(super) fn ring(&mut self) -> Option<&mut Outbound> {
        match &mut self.state {
            State::Ring(ring) | State::Leaving(ring) => Some(ring),
            State::Socket | State::Offered(_) | State::Taken(_) | State::Entering(_) => None,
        }
    }

    #[cfg(test)]
    pub(super) fn state(&self) -> &'static str {
        match &self.state {
            State::Socket => "socket",
            State::Offered(_) => "offered",
            State::Taken(_) => "taken",
            State::Entering(_) => "entering",
            State::Ring(_) => "ring",
            State::Leaving(_) => "leaving",
        }
    }

    /// All that was taken to be written has been. Adds to the empty `taken` what this side has to
    /// say itself before it goes on.
    pub(super) fn at_boundary(&mut self, socket: BorrowedFd<'_>, taken: &mut Vec<u8>) {
        self.state = match mem::take(&mut self.state) {
            State::Socket if self.wanted => self.offer(socket),
            State::Taken(ring) => {
                switch(taken);
                State::Entering(ring)
            }
            State::Entering(ring) => State::Ring(ring),
            State::Leaving(ring) => {
                ring.wake_reader();
                State::Socket
            }
            state => state,
        };
    }

    fn offer(&mut self, socket: BorrowedFd<'_>) -> State {
        let offered = Outbound::offer(socket, &self.pool, &self.runtime);
        self.wanted = matches!(&offered, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        match offered {
            Ok(Some(ring)) => State::Offered(ring),
            // The link goes on as it is, and tries again when it is busy later.
            Ok(None) | Err(_) => State::Socket,
        }
    }

    /// Notes that so much was taken to be written.
    pub(super) fn carries(&mut self, bytes: usize) {
        self.used = true;
        let using = self.pool.messaging().ring;
        self.wanted |= self.traffic.wrote(Instant::now().into_std(), bytes, using);
    }

    /// The other side answered an offer; false when there was none.
    pub(super) fn answered(&mut self, taken: bool) -> bool {
        let State::Offered(ring) = mem::take(&mut self.state) else { return false };
        if taken {
            self.state = State::Taken(ring);
        }
        true
    }

    /// There is nothing to write. Ready when the ring was not used for so long that it is left:
    /// `taken` then has the last frame for it.
    pub(super) fn poll_leave(&mut self, cx: &mut Context<'_>, taken: &mut Vec<u8>) -> Poll<()> {
        if !matches!(self.state, State::Ring(_)) {
            return Poll::Pending;
        }
        let sleep = || Box::pin(tokio::time::sleep(LINGER));
        loop {
            ready!(self.linger.get_or_insert_with(sleep).as_mut().poll(cx));
            self.linger = None;
            if !mem::take(&mut self.used) {
                break;
            }
        }
        if let State::Ring(ring) = mem::take(&mut self.state) {
            switch(taken);
            self.state = State::Leaving(ring);
        }
        Poll::Ready(())
    }
}

fn switch(taken: &mut Vec<u8>) {
    let said = frame::append(taken, 0, Kind::Switch, |_| Ok::<_, io::Error>(()));
    debug_assert!(said.is_ok(), "a frame without a payload can be said");
}
