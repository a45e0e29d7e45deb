//! Supervision: does what [`policy`](crate::policy) decided, on a thread of its own, so that no
//! user code can hold it up. It binds, spawns, signals, reaps and hands out fds; it decides
//! nothing and serves nobody.

mod announce;
mod family;
mod handing;
mod image;
mod listen;
mod manager;
mod notice;
mod thread;
mod watch;

use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::sync::mpsc;

use crate::config::Settings;
use crate::error::{EXIT_FAILURE, StartError};
use crate::report;
use crate::sys::signal::Signals;

/// The supervision thread, as the rest of the master's process knows it.
pub(crate) struct Supervision {
    end: Mutex<mpsc::Receiver<End>>,
}

/// What exit code the program ends with.
enum End {
    /// That of the master's `main`.
    OfMain,
    Code(u8),
}

impl Supervision {
    /// Waits until the last worker is gone, after `main` ended with `code`; the exit code.
    pub(crate) fn finish(&self, code: u8) -> u8 {
        let Ok(end) = self.end.lock() else {
            return EXIT_FAILURE;
        };
        match end.recv() {
            Ok(End::OfMain) => code,
            Ok(End::Code(code)) => code,
            Err(mpsc::RecvError) => {
                report::error!("supervision ended unexpectedly: the workers leave by themselves");
                EXIT_FAILURE
            }
        }
    }
}

/// Binds, and starts to supervise. The socket is the control socket of the master's own node.
///
/// # Errors
/// When the port cannot be had or the machine has no room; then nothing was started.
pub(crate) fn start(
    settings: Settings,
    signals: Signals,
) -> Result<(Supervision, OwnedFd), StartError> {
    crate::sys::process::default_sigchld().map_err(StartError::system("handle child exits"))?;
    let (ended, end) = mpsc::channel();
    let socket = thread::start(settings, signals, ended)?;
    Ok((Supervision { end: Mutex::new(end) }, socket))
}
