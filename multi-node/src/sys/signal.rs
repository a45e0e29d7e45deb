//! Signals as something to read: each becomes a record in a pipe, with who sent it.
//!
//! Chains with handlers that user code sets through tokio or signal-hook; never blocks a signal
//! for longer than it takes to start a process.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};

use super::terminal;
use crate::signal::{Arrived, Beginning, Handled, Sender};

/// What supervision handles, in every node.
const HANDLED: [(Signal, Handled); 7] = [
    (Signal::SIGHUP, Handled::Hangup),
    (Signal::SIGINT, Handled::Interrupt),
    (Signal::SIGQUIT, Handled::Quit),
    (Signal::SIGTERM, Handled::Terminate),
    (Signal::SIGUSR2, Handled::User2),
    (Signal::SIGTTIN, Handled::TerminalInput),
    (Signal::SIGTTOU, Handled::TerminalOutput),
];

/// The name of a signal, as kill(1) has it.
pub(crate) fn signal_name(number: i32) -> &'static str {
    Signal::try_from(number).map_or("(unknown)", Signal::as_str)
}

/// The signals that arrive, to be read; it is readable when there is one.
#[derive(Debug)]
pub(crate) struct Signals {
    read: OwnedFd,
    /// The handlers write to copies of it.
    write: OwnedFd,
    beginning: Beginning,
}

impl Signals {
    /// Handles SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR2, SIGTTIN and SIGTTOU from now on, for
    /// the rest of the process.
    ///
    /// # Errors
    /// `EMFILE` when no pipe can be made; `EINVAL` when a handler cannot be set.
    pub(crate) fn install() -> io::Result<Signals> {
        let beginning =
            Beginning { hangups_ignored: hangups_are_ignored()?, terminal: !terminal::is_gone() };
        let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        Signals::resume(read, write, beginning)
    }

    /// As [`Signals::install`], on a pipe that crossed an exec: what was written to it before is
    /// read first, and what was blocked meanwhile comes next.
    ///
    /// # Errors
    /// `EMFILE` when no fd is left; `EINVAL` when a handler cannot be set.
    pub(crate) fn resume(
        read: OwnedFd,
        write: OwnedFd,
        beginning: Beginning,
    ) -> io::Result<Signals> {
        for (signal, _) in HANDLED {
            let write = write.try_clone()?;
            let action = move |info: &libc::siginfo_t| handle(signal, info, write.as_fd());
            // SAFETY: `handle` only calls write(2), and `terminal::stop_in_background`, which are
            // async-signal-safe; it allocates nothing and takes no lock.
            unsafe { signal_hook_registry::register_sigaction(signal as i32, action)? };
        }
        ours().thread_unblock()?;
        Ok(Signals { read, write, beginning })
    }

    /// The next signal.
    ///
    /// # Errors
    /// `WouldBlock` when there is none.
    pub(crate) fn next(&self) -> io::Result<Arrived> {
        let mut record = [0; RECORD];
        // Records are written whole and read whole: a pipe does not split what is so short.
        nix::unistd::read(&self.read, &mut record)?;
        decode(record)
    }

    /// What the program found when it was started.
    pub(crate) fn beginning(&self) -> Beginning {
        self.beginning
    }

    /// Both ends of the pipe, for [`Signals::resume`] after an exec.
    pub(crate) fn ends(&self) -> [BorrowedFd<'_>; 2] {
        [self.read.as_fd(), self.write.as_fd()]
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

/// Whether a SIGHUP does nothing to this process as it is.
pub(super) fn hangups_are_ignored() -> io::Result<bool> {
    let mut now = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action the call only writes the present one to `now`, which is of the
    // type it takes and is live; it is read only once the call succeeded.
    let now = unsafe {
        let asked = libc::sigaction(libc::SIGHUP, std::ptr::null(), now.as_mut_ptr());
        Errno::result(asked)?;
        now.assume_init()
    };
    Ok(now.sa_sigaction == libc::SIG_IGN)
}

/// In the handler: writes the record of a signal down.
///
/// What a terminal sends to a job in the background that reads it is no wish of anybody's. It
/// stops the process, as it would without a handler: were it only noted, the read would begin
/// again, and again be told.
fn handle(signal: Signal, info: &libc::siginfo_t, pipe: BorrowedFd<'_>) {
    let by_kernel = info.si_code > 0;
    if by_kernel && matches!(signal, Signal::SIGTTIN | Signal::SIGTTOU) {
        return terminal::stop_in_background();
    }
    // SAFETY: whoever is not the kernel is a process, whose number the union holds then.
    let pid = if by_kernel { 0 } else { unsafe { info.si_pid() } };
    let record = encode(signal, by_kernel, pid);
    // A full pipe holds 10,922 signals that nobody has read: one more says nothing new.
    // SAFETY: `record` lives across the call, which reads as many bytes as it has.
    unsafe { libc::write(pipe.as_raw_fd(), record.as_ptr().cast(), record.len()) };
}

/// The bytes of a record: the signal, whether the kernel sent it, and the pid of who did.
const RECORD: usize = 6;

fn encode(signal: Signal, by_kernel: bool, pid: libc::pid_t) -> [u8; RECORD] {
    let [a, b, c, d] = pid.to_ne_bytes();
    [signal as i32 as u8, by_kernel.into(), a, b, c, d]
}

fn decode([number, by_kernel, pid @ ..]: [u8; RECORD]) -> io::Result<Arrived> {
    let known = HANDLED.iter().find(|(signal, _)| *signal as i32 == i32::from(number));
    let (_, signal) = known.ok_or(Errno::EINVAL)?;
    let sender =
        if by_kernel == 1 { Sender::Kernel } else { Sender::Process(u32::from_ne_bytes(pid)) };
    Ok(Arrived { signal: *signal, sender })
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
    HANDLED.into_iter().map(|(signal, _)| signal).collect()
}

#[cfg(test)]
mod tests;
