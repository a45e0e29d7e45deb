//! The pid file as the program has it: claimed at the start, written when it is ready, removed at
//! the end. One that cannot be written or removed is said, and does not hold the program up.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use crate::error::{OptionError, StartError};
use crate::report;
use crate::sys::pid_file::{self, Refused};

/// The pid file, if there is to be one.
#[derive(Debug)]
pub(super) struct PidFile {
    claimed: Option<pid_file::PidFile>,
}

impl PidFile {
    /// Claims the file at `path`, so that no second instance of the program starts.
    ///
    /// # Errors
    /// When another instance has it, when it is no pid file, and when it cannot be made.
    pub(super) fn claim(path: Option<&Path>) -> Result<PidFile, StartError> {
        let Some(path) = path else {
            return Ok(PidFile { claimed: None });
        };
        let shown = || path.display().to_string();
        match pid_file::PidFile::claim(path) {
            Ok(claimed) => Ok(PidFile { claimed: Some(claimed) }),
            Err(Refused::Held(pid)) => Err(StartError::AlreadyRuns { pid, pid_file: shown() }),
            Err(Refused::Foreign) => Err(StartError::Option(OptionError {
                name: "pid_file".to_owned(),
                value: shown(),
                expected: "a path where nothing is, or a pid file".to_owned(),
            })),
            Err(Refused::Io(cause)) => Err(StartError::PidFile { pid_file: shown(), cause }),
        }
    }

    /// The file that the fd, which crossed an exec, was the lock of.
    ///
    /// # Errors
    /// When it was not, and somebody else has the file.
    #[allow(dead_code)] // called once the master replaces itself
    pub(super) fn resume(crossed: Option<(PathBuf, OwnedFd)>) -> io::Result<PidFile> {
        let claimed = crossed.map(|(path, fd)| pid_file::PidFile::resume(path, fd)).transpose()?;
        Ok(PidFile { claimed })
    }

    /// What has to cross an exec for [`PidFile::resume`].
    #[allow(dead_code)] // called once the master replaces itself
    pub(super) fn crossing(&self) -> Option<(&Path, BorrowedFd<'_>)> {
        self.claimed.as_ref().map(|claimed| (claimed.path(), claimed.as_fd()))
    }

    /// Writes this process's number into it.
    pub(super) fn write(&self) {
        if let Some(Err(error)) = self.claimed.as_ref().map(pid_file::PidFile::write) {
            report::warn!("cannot write the pid file: {error}");
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.claimed.take().map(pid_file::PidFile::remove) {
            report::warn!("cannot remove the pid file: {error}");
        }
    }
}
