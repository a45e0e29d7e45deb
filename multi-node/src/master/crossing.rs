//! The fds that cross an exec: each is named by its place in a list, and the list names the
//! numbers under which they stay open.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

use serde::{Deserialize, Serialize};

/// The place of an fd in the list.
pub(super) type Place = u32;

/// The list as it is made, on this side of the exec.
#[derive(Debug, Default)]
pub(super) struct Leaving<'a>(Vec<BorrowedFd<'a>>);

impl<'a> Leaving<'a> {
    pub(super) fn add(&mut self, fd: BorrowedFd<'a>) -> Place {
        self.0.push(fd);
        self.0.len() as Place - 1
    }

    pub(super) fn fds(&self) -> &[BorrowedFd<'a>] {
        &self.0
    }

    pub(super) fn numbers(&self) -> Numbers {
        Numbers(self.0.iter().map(AsRawFd::as_raw_fd).collect())
    }
}

/// The list as it is written down.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Numbers(pub(super) Vec<RawFd>);

/// The list on the other side of the exec; what is not taken closes with it.
#[derive(Debug)]
pub(super) struct Landed(Vec<Option<OwnedFd>>);

impl Landed {
    pub(super) fn new(fds: Vec<OwnedFd>) -> Landed {
        Landed(fds.into_iter().map(Some).collect())
    }

    /// # Errors
    /// `InvalidData` when the list has no such place, or it was taken.
    pub(super) fn take(&mut self, place: Place) -> io::Result<OwnedFd> {
        let fd = self.0.get_mut(place as usize).and_then(Option::take);
        fd.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "an fd did not cross"))
    }
}
