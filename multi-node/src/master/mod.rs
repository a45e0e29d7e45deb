//! Supervision: does what [`policy`](crate::policy) decided, on a thread of its own, so that no
//! user code can hold it up. It binds, spawns, signals, reaps and hands out fds; it decides
//! nothing and serves nobody.

mod announce;
mod crossing;
mod family;
mod handing;
mod health;
mod identity;
mod image;
mod listen;
mod manager;
mod notice;
mod pid_file;
mod rehearsal;
mod shares;
mod stranger;
mod takeover;
mod thread;
mod watch;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::sync::mpsc;

use takeover::State;

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
    let control = thread::start(settings, signals, ended)?;
    Ok((Supervision { end: Mutex::new(end) }, control))
}

/// Goes on with what a predecessor in this process left. The socket is as in [`start`]; `None` when
/// `main` ended before, and is not to run again.
///
/// # Errors
/// When it cannot be understood, which a rehearsal should have found out, or the machine has no
/// room. The workers then find their master gone.
pub(crate) fn take_over(state: OwnedFd) -> Result<(Supervision, Option<OwnedFd>), StartError> {
    // User code of the predecessor may have ignored it, which crosses.
    crate::sys::process::default_sigchld().map_err(StartError::system("handle child exits"))?;
    let failed = StartError::system("take over from the program that ran before");
    let (ended, end) = mpsc::channel();
    let control = State::open(state).and_then(|state| thread::resume(state, ended));
    let control = control.map_err(failed)?;
    Ok((Supervision { end: Mutex::new(end) }, control))
}

/// Whether this program could take over from the master that wrote `state`.
///
/// # Errors
/// `InvalidData`, with what does not fit.
pub(crate) fn check_state(state: OwnedFd) -> io::Result<()> {
    State::open(state).map(drop)
}
