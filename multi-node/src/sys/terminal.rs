//! The controlling terminal: whether there is one, who leads its session, and what it does to a
//! job that uses it from the background.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;

/// Whether this process has no controlling terminal, or one that hung up.
pub(crate) fn is_gone() -> bool {
    // Any other error, of a process that has no fd left, say, tells nothing of the terminal.
    matches!(open(), Err(Errno::ENXIO | Errno::EIO))
}

fn open() -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    nix::fcntl::open(c"/dev/tty", flags, Mode::empty())
}

/// Stops this process while it is in the background of its terminal, as SIGTTIN and SIGTTOU do
/// where nobody handles them. It is async-signal-safe.
///
/// A thread that goes on reading is told again and again until the process stops, and several
/// threads may be told at once. Whoever comes here late must not stop what was brought to the
/// foreground meanwhile: one thread at a time looks, and stops with its own signal, so that
/// nobody else looks before the process was continued.
pub(super) fn stop_in_background() {
    static STOPPING: AtomicBool = AtomicBool::new(false);
    if STOPPING.swap(true, Ordering::SeqCst) {
        return;
    }
    let foreground = open().and_then(nix::unistd::tcgetpgrp);
    if foreground != Ok(nix::unistd::getpgrp()) {
        // It cannot fail: the signal is one, and the thread is this one.
        let _ = nix::sys::signal::raise(Signal::SIGSTOP);
    }
    STOPPING.store(false, Ordering::SeqCst);
}

/// The leader of this process's session, alive or not; 0 when it is outside of this process's pid
/// namespace.
pub(crate) fn session_leader() -> u32 {
    // Only of another process might it not be told.
    nix::unistd::getsid(None).map_or(0, |leader| leader.as_raw().cast_unsigned())
}
