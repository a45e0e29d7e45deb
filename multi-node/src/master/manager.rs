//! Tells the service manager, systemd or another that sets NOTIFY_SOCKET, how the program is.
//!
//! [`Status`] decides what and when. Supervision waits for nobody: what a service manager that
//! does not read has no room for is kept, the latest of it. Without NOTIFY_SOCKET nothing is told.

use std::collections::VecDeque;
use std::env;
use std::ffi::OsStr;
use std::fmt::Write;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;

use crate::event::Event;
use crate::policy::Time;
use crate::policy::status::{Serving, Status, Telling};
use crate::report;

/// Messages that may wait for a service manager that does not read.
const WAITING: usize = 64;

/// How long each of the last messages may take, before this image of the program ends.
const PATIENCE: Duration = Duration::from_millis(100);

/// What is said to the service manager, if there is one.
#[derive(Debug)]
pub(super) struct Manager(Option<Told>);

#[derive(Debug)]
struct Told {
    status: Status,
    socket: UnixDatagram,
    address: SocketAddr,
    waiting: VecDeque<String>,
    /// Whether it was logged that it cannot be told.
    warned: bool,
}

impl Manager {
    /// Finds the service manager in the environment; `status` gets the watchdog's period, if the
    /// service manager wants to hear of this very process.
    pub(super) fn find(status: impl FnOnce(Option<Duration>) -> Status) -> Manager {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Manager(None);
        };
        match address(&name).and_then(|address| Ok((address, socket()?))) {
            Ok((address, socket)) => Manager(Some(Told {
                status: status(sd_notify::watchdog_enabled()),
                socket,
                address,
                waiting: VecDeque::new(),
                warned: false,
            })),
            Err(error) => {
                report::warn!("NOTIFY_SOCKET={name:?}: the service manager is not told: {error}");
                Manager(None)
            }
        }
    }

    /// Something happened.
    pub(super) fn heard(&mut self, event: &Event) {
        let Some(Told { status, .. }) = &mut self.0 else { return };
        match event {
            Event::ReloadStarted { generation } => status.reload_began(*generation),
            Event::ReloadFinished { .. } => status.reload_ended(),
            Event::ReloadFailed { generation, reason } => status.reload_failed(*generation, reason),
            Event::Stopping => status.stops(),
            Event::Spawned { .. }
            | Event::Ready { .. }
            | Event::Exited { .. }
            | Event::Hung { .. }
            | Event::Retiring { .. }
            | Event::Scaled { .. }
            | Event::Lagged { .. } => {}
        }
    }

    /// So many nodes serve now.
    pub(super) fn serves(&mut self, serving: Serving) {
        if let Some(told) = &mut self.0 {
            told.status.serves(serving);
        }
    }

    /// The program ends, and not because it was asked to.
    pub(super) fn fails(&mut self, why: &str) {
        if let Some(told) = &mut self.0 {
            told.status.fails(why);
        }
    }

    /// When to call [`Manager::handle_timeout`] next.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.0.as_ref()?.status.poll_timeout()
    }

    pub(super) fn handle_timeout(&mut self, now: Time) {
        if let Some(told) = &mut self.0 {
            told.status.handle_timeout(now);
        }
    }

    /// Tells what is to be told by now; whether the service manager had room for it.
    pub(super) fn tell(&mut self) -> bool {
        let Some(told) = &mut self.0 else { return true };
        while let Some(message) = told.status.poll() {
            told.keep(text(&message));
        }
        told.send()
    }

    /// Tells what is left, to a service manager that reads it soon.
    pub(super) fn finish(&mut self) {
        if self.tell() {
            return;
        }
        let Some(told) = &mut self.0 else { return };
        let waits = told.socket.set_write_timeout(Some(PATIENCE));
        if waits.and_then(|()| told.socket.set_nonblocking(false)).is_ok() {
            told.send();
            // Whoever goes on after this waits for nobody again; it can do so, as it could before.
            let _ = told.socket.set_nonblocking(true);
        }
    }
}

impl Told {
    /// Puts `message` last; the oldest is lost when there is no room.
    fn keep(&mut self, message: String) {
        if self.waiting.len() == WAITING {
            self.waiting.pop_front();
            self.warn("it does not read");
        }
        self.waiting.push_back(message);
    }

    fn send(&mut self) -> bool {
        while let Some(message) = self.waiting.front() {
            match self.socket.send_to_addr(message.as_bytes(), &self.address) {
                Ok(_) => self.warned = false,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => self.warn(error),
            }
            self.waiting.pop_front();
        }
        true
    }

    fn warn(&mut self, why: impl std::fmt::Display) {
        if !std::mem::replace(&mut self.warned, true) {
            report::warn!("cannot tell the service manager (NOTIFY_SOCKET): {why}");
        }
    }
}

fn socket() -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A path, or a name behind `@` that is in no file system.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(name),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "expected an absolute path, or @ and a name",
        )),
    }
}

/// The message in the words of sd_notify(3). What has a time has that of now.
fn text(message: &[Telling]) -> String {
    let mut text = String::new();
    let mut line = |state: NotifyState<'_>| {
        // A string takes all.
        let _ = writeln!(text, "{state}");
    };
    for telling in message {
        match telling {
            Telling::Ready => line(NotifyState::Ready),
            Telling::Stopping => line(NotifyState::Stopping),
            Telling::Status(words) => line(NotifyState::Status(words)),
            Telling::Watchdog => line(NotifyState::Watchdog),
            Telling::Reloading => {
                line(NotifyState::Reloading);
                match NotifyState::monotonic_usec_now() {
                    Ok(now) => line(now),
                    Err(error) => report::warn!("cannot tell the time of the reload: {error}"),
                }
            }
        }
    }
    text
}
