//! A bell that one process rings to wake another: an eventfd.
//!
//! Nobody reads it. epoll, edge-triggered, tells of each ring anew, whatever the count is by then.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};

/// The end that rings. See the module.
#[derive(Debug)]
pub(crate) struct Bell(OwnedFd);

impl Bell {
    /// # Errors
    /// When there is no fd left.
    pub(crate) fn new() -> io::Result<Bell> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        Ok(Bell(EventFd::from_value_and_flags(0, flags)?.into()))
    }

    /// Rings. A bell that cannot be rung any more, since the other side set its count to the most
    /// there is, harms that side alone.
    pub(crate) fn ring(&self) {
        let rung = nix::unistd::write(&self.0, &1u64.to_ne_bytes());
        debug_assert!(matches!(rung, Ok(8) | Err(Errno::EAGAIN)), "{rung:?}");
    }

    /// The end that is rung, for epoll.
    ///
    /// # Errors
    /// When there is no fd left.
    pub(crate) fn listener(&self) -> io::Result<OwnedFd> {
        self.0.try_clone()
    }
}

impl From<OwnedFd> for Bell {
    fn from(fd: OwnedFd) -> Bell {
        Bell(fd)
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
