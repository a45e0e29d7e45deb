//! The sockets that the master holds for its whole life and lends to the nodes: for each slot
//! that serves a listener and an inbox.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::crossing::{self, Landed, Leaving};
use crate::config::{Settings, Slot};
use crate::error::StartError;
use crate::report;
use crate::sys::{packet, socket};

/// How long a port that is taken is asked for again: a predecessor that was killed just now may
/// take so long to let go of it.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often, then.
const RETRY: Duration = Duration::from_millis(20);

/// What the kernel queues for one slot.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) listener: OwnedFd,
    /// The end that the node reads.
    pub(super) inbox: OwnedFd,
    /// The end that its siblings write.
    pub(super) outbox: OwnedFd,
}

/// The places of all slots that serve; none with `listen = none`.
#[derive(Debug)]
pub(super) struct Places {
    first: Slot,
    places: Vec<Place>,
    pub(super) local_addr: Option<SocketAddr>,
}

/// The places as they cross an exec.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    first: Slot,
    local_addr: Option<SocketAddr>,
    places: Vec<[crossing::Place; 3]>,
}

impl Places {
    pub(super) fn save<'a>(&'a self, fds: &mut Leaving<'a>) -> State {
        let places = self.places.iter().map(|place| {
            [&place.listener, &place.inbox, &place.outbox].map(|fd| fds.add(fd.as_fd()))
        });
        State { first: self.first, local_addr: self.local_addr, places: places.collect() }
    }

    /// # Errors
    /// When an fd did not cross.
    pub(super) fn restore(state: State, fds: &mut Landed) -> io::Result<Places> {
        let places = state.places.into_iter().map(|[listener, inbox, outbox]| {
            let listener = fds.take(listener)?;
            Ok(Place { listener, inbox: fds.take(inbox)?, outbox: fds.take(outbox)? })
        });
        let places = places.collect::<io::Result<_>>()?;
        Ok(Places { first: state.first, places, local_addr: state.local_addr })
    }

    /// Binds the sockets of all slots.
    ///
    /// # Errors
    /// One line that names the address, the cause and the remedy.
    pub(super) fn bind(settings: &Settings) -> Result<Places, StartError> {
        let first = *settings.serving_slots().start();
        let mut places = Places { first, places: Vec::new(), local_addr: None };
        let Some((host, port)) = &settings.listen else {
            return Ok(places);
        };
        let addr = resolve(host, *port)?;
        let listeners = bind_patiently(addr, settings)?;
        places.local_addr = Some(
            socket::local_addr(listeners[0].as_fd())
                .map_err(|cause| StartError::listen(addr, cause))?,
        );
        for listener in listeners {
            let pair = packet::packet_pair();
            let (inbox, outbox) = pair.map_err(StartError::system("make an inbox"))?;
            places.places.push(Place { listener, inbox, outbox });
        }
        Ok(places)
    }

    pub(super) fn first(&self) -> Slot {
        self.first
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Place> {
        self.places.get(usize::from(slot.checked_sub(self.first)?))
    }

    /// Lets nobody connect any more; what has connected stays queued.
    pub(super) fn refuse(&self) {
        self.each("hold off new connections", socket::drop_newcomers);
    }

    /// Ends listening, for all nodes.
    pub(super) fn close(&self) {
        self.each("end listening", socket::close_for_all);
    }

    fn each(&self, what: &str, act: impl Fn(BorrowedFd<'_>) -> io::Result<()>) {
        for place in &self.places {
            if let Err(error) = act(place.listener.as_fd()) {
                report::warn!("cannot {what}: {error}");
            }
        }
    }
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr, StartError> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let unknown = |cause| StartError::Host { host: host.to_owned(), cause };
    let mut found = (bare, port).to_socket_addrs().map_err(unknown)?;
    found.next().ok_or_else(|| unknown(io::ErrorKind::NotFound.into()))
}

fn bind_patiently(addr: SocketAddr, settings: &Settings) -> Result<Vec<OwnedFd>, StartError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match socket::bind_slots(addr, settings.nodes.into(), settings.backlog) {
            // The kernel tells nobody that a port is free again: asking is all there is.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                std::thread::sleep(RETRY);
            }
            bound => return bound.map_err(|cause| StartError::listen(addr, cause)),
        }
    }
}
