//! Signals as something to read: each becomes a record in a pipe, with who sent it.
//!
//! Chains with handlers that user code sets through tokio or signal-hook; never blocks a signal
//! for longer than it takes to start a process.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// What supervision handles, in every node.
const HANDLED: [Signal; 4] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];

/// The name of a signal, as kill(1) has it.
pub(crate) fn signal_name(number: i32) -> &'static str {
    Signal::try_from(number).map_or("(unknown)", Signal::as_str)
}

/// A signal that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrived {
    Hangup,
    Interrupt,
    Quit,
    Terminate,
}

/// The reading end of the signals.
#[derive(Debug)]
pub(crate) struct Signals(OwnedFd);

impl Signals {
    /// Handles SIGHUP, SIGINT, SIGQUIT and SIGTERM from now on, for the rest of the process.
    ///
    /// # Errors
    /// `EMFILE` when no pipe can be made; `EINVAL` when a handler cannot be set.
    pub(crate) fn install() -> io::Result<Signals> {
        let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        for signal in HANDLED {
            let write = write.try_clone()?;
            let number = signal as i32;
            let action = move |_: &libc::siginfo_t| {
                let record = [number as u8];
                // A full pipe holds 65,536 signals that nobody has read: one more says nothing new.
                // SAFETY: write(2) may be called in a handler; `record` lives across the call.
                unsafe { libc::write(write.as_raw_fd(), record.as_ptr().cast(), record.len()) };
            };
            // SAFETY: the action only calls write(2), which is async-signal-safe and, on a
            // non-blocking pipe, returns at once; it allocates nothing and takes no lock.
            unsafe { signal_hook_registry::register_sigaction(number, action)? };
        }
        ours().thread_unblock()?;
        Ok(Signals(read))
    }

    /// The next signal.
    ///
    /// # Errors
    /// `WouldBlock` when there is none.
    pub(crate) fn next(&self) -> io::Result<Arrived> {
        let mut record = [0];
        nix::unistd::read(&self.0, &mut record)?;
        Ok(match Signal::try_from(i32::from(record[0]))? {
            Signal::SIGHUP => Arrived::Hangup,
            Signal::SIGINT => Arrived::Interrupt,
            Signal::SIGQUIT => Arrived::Quit,
            _ => Arrived::Terminate,
        })
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The signals that supervision handles, held back from the calling thread, and from a process
/// that it starts, until this is dropped.
///
/// A worker inherits the mask, so that one that is told to end before its handlers stand does not
/// just die; [`Signals::install`] lets them through.
pub(super) struct Held(SigSet);

impl Held {
    pub(super) fn hold() -> io::Result<Held> {
        Ok(Held(ours().thread_swap_mask(SigmaskHow::SIG_BLOCK)?))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // A mask that was in force before is valid: this cannot fail.
        let _ = self.0.thread_set_mask();
    }
}

fn ours() -> SigSet {
    HANDLED.into_iter().collect()
}
