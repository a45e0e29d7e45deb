//! The controlling terminal: whether there is one, and who leads its session.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;

use nix::libc;

/// Whether this process has no controlling terminal, or one that hung up.
pub(crate) fn is_gone() -> bool {
    let flags = libc::O_NOCTTY | libc::O_NONBLOCK;
    let opened = File::options().read(true).custom_flags(flags).open("/dev/tty");
    // Any other error, of a process that has no fd left, say, tells nothing of the terminal.
    opened.is_err_and(|error| matches!(error.raw_os_error(), Some(libc::ENXIO | libc::EIO)))
}

/// The leader of this process's session, alive or not; 0 when it is outside of this process's pid
/// namespace.
pub(crate) fn session_leader() -> u32 {
    // Only of another process might it not be told.
    nix::unistd::getsid(None).map_or(0, |leader| leader.as_raw().cast_unsigned())
}
