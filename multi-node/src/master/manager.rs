//! Tells the service manager, systemd or another that sets NOTIFY_SOCKET, how the program is.
//!
//! [`Status`] decides what and when. A thread of its own sends it, since the service manager may
//! be slow to read, and supervision waits for nobody. Without NOTIFY_SOCKET nothing is there.

use std::fmt::Write;
use std::io;
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::time::Duration;

use sd_notify::NotifyState;

use crate::event::Event;
use crate::policy::Time;
use crate::policy::status::{Serving, Status, Telling};
use crate::report;

/// Messages that may wait for a service manager that does not read.
const WAITING: usize = 64;

/// How long the last messages are waited for before this image of the program ends.
const FLUSH: Duration = Duration::from_secs(1);

/// What is said to the service manager, if there is one.
#[derive(Debug)]
pub(super) struct Manager(Option<Told>);

#[derive(Debug)]
struct Told {
    status: Status,
    orders: SyncSender<Order>,
    /// Whether it was logged that the service manager does not read.
    warned: bool,
}

#[derive(Debug)]
enum Order {
    Send(String),
    /// Answer once all that came before is sent.
    Flush(SyncSender<()>),
}

impl Manager {
    /// Finds the service manager in the environment; `status` gets the watchdog's period, if the
    /// service manager wants to hear of this very process.
    ///
    /// # Errors
    /// When there is no room for a thread.
    pub(super) fn find(status: impl FnOnce(Option<Duration>) -> Status) -> io::Result<Manager> {
        if std::env::var_os("NOTIFY_SOCKET").is_none_or(|path| path.is_empty()) {
            return Ok(Manager(None));
        }
        let (orders, waiting) = mpsc::sync_channel(WAITING);
        let name = "multi-node:mgr".to_owned();
        std::thread::Builder::new()
            .name(name)
            .stack_size(64 * 1024)
            .spawn(move || send_all(waiting.into_iter()))?;
        let status = status(sd_notify::watchdog_enabled());
        Ok(Manager(Some(Told { status, orders, warned: false })))
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

    /// Tells what is left and waits until all is sent, a second at most.
    pub(super) fn flush(&mut self) {
        self.tell();
        let Some(told) = &self.0 else { return };
        let (sent, all_sent) = mpsc::sync_channel(1);
        if told.orders.try_send(Order::Flush(sent)).is_ok() {
            // Whoever does not read by then has had its chance.
            let _ = all_sent.recv_timeout(FLUSH);
        }
    }

    /// Tells what is to be told by now.
    pub(super) fn tell(&mut self) {
        let Some(told) = &mut self.0 else { return };
        while let Some(message) = told.status.poll() {
            match told.orders.try_send(Order::Send(text(&message))) {
                Ok(()) => told.warned = false,
                // Its thread ends with the process alone.
                Err(TrySendError::Disconnected(_)) => {}
                Err(TrySendError::Full(_)) if told.warned => {}
                Err(TrySendError::Full(_)) => {
                    told.warned = true;
                    report::warn!("the service manager does not read what it is told");
                }
            }
        }
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
    text.pop();
    text
}

fn send_all(orders: impl Iterator<Item = Order>) {
    let mut warned = false;
    for order in orders {
        match order {
            Order::Send(text) => {
                let sent = sd_notify::notify(&[NotifyState::Custom(&text)]);
                if let Err(error) = &sent
                    && !warned
                {
                    report::warn!("cannot tell the service manager (NOTIFY_SOCKET): {error}");
                }
                warned = sent.is_err();
            }
            // Who asked may have gone on.
            Order::Flush(sent) => drop(sent.try_send(())),
        }
    }
}
