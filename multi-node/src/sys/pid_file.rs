//! The pid file: locked from the start to the end of the program, written once it is ready.
//!
//! The lock, not what the file says, tells whether its program lives: the kernel lets go of it
//! however that ends. So what a killed program left is replaced, and never taken for one that runs.
//! It is written in place, since the lock is on the file and not on its name.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::libc;

use super::process;

/// The pid file of this program: nobody else has it while this lives.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    file: Flock<File>,
}

/// Why a pid file cannot be had.
#[derive(Debug)]
pub(crate) enum Refused {
    /// A program that runs has it, with this number; one that is not ready yet has none.
    Held(Option<u32>),
    /// It holds something that is no pid: it must be another file, and is not overwritten.
    Foreign,
    Io(io::Error),
}

impl PidFile {
    /// Opens the file at `path`, makes it this process's and empties it. Symbolic links are not
    /// followed: root would empty what they lead to.
    ///
    /// # Errors
    /// [`Refused`], with the file as it was.
    pub(crate) fn claim(path: &Path) -> Result<PidFile, Refused> {
        let path = std::path::absolute(path)?;
        loop {
            let file = open(&path)?;
            let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => file,
                Err((mut file, Errno::EWOULDBLOCK)) => {
                    return Err(Refused::Held(pid_in(&mut file)?));
                }
                Err((_, error)) => return Err(Refused::Io(error.into())),
            };
            // Its last owner may have removed it between the open and the lock.
            if !is_at(&file, &path) {
                continue;
            }
            pid_in(&mut file)?;
            file.set_len(0)?;
            return Ok(PidFile { path, file });
        }
    }

    /// The file that `fd`, which crossed an exec, was the lock of.
    ///
    /// # Errors
    /// `WouldBlock` when it was not, and somebody else has the file.
    pub(crate) fn resume(path: PathBuf, fd: OwnedFd) -> io::Result<PidFile> {
        // Whoever has the lock already may ask for it again.
        let file = Flock::lock(File::from(fd), FlockArg::LockExclusiveNonblock);
        Ok(PidFile { path, file: file.map_err(|(_, error)| error)? })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes this process's number into it.
    ///
    /// # Errors
    /// As write(2).
    pub(crate) fn write(&self) -> io::Result<()> {
        self.file.write_all_at(format!("{}\n", process::pid()).as_bytes(), 0)
    }

    /// Removes the file, if it is still the one that was claimed; who may not do that any more,
    /// having become another user, empties it.
    ///
    /// # Errors
    /// As ftruncate(2).
    pub(crate) fn remove(self) -> io::Result<()> {
        if is_at(&self.file, &self.path) && fs::remove_file(&self.path).is_err() {
            self.file.set_len(0)?;
        }
        Ok(())
    }
}

impl AsFd for PidFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Refused {
        Refused::Io(error)
    }
}

fn open(path: &Path) -> Result<File, Refused> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false).mode(0o644);
    let file = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(Refused::Foreign) }
}

/// The number in `file`, `None` when it is empty.
fn pid_in(file: &mut File) -> Result<Option<u32>, Refused> {
    /// More than any number and its end of line.
    const LONGEST: u64 = 32;
    let mut text = String::new();
    match file.take(LONGEST).read_to_string(&mut text) {
        Ok(_) if text.trim().is_empty() => Ok(None),
        Ok(_) => text.trim().parse().map(Some).map_err(|_| Refused::Foreign),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(Refused::Foreign),
        Err(error) => Err(Refused::Io(error)),
    }
}

/// Whether `file` is what `path` names.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(file), Ok(there)) = (file.metadata(), fs::symlink_metadata(path)) else {
        return false;
    };
    (file.dev(), file.ino()) == (there.dev(), there.ino())
}

#[cfg(test)]
mod tests;
