//! The file of a Unix socket: made, a stale one replaced, removed at the end if it still is ours.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::abstract_name;
use crate::error::StartError;
use crate::report;
use crate::sys::socket::listen_on;
use crate::sys::socket::unix::{self, Occupant};

/// Which file is a socket's. Dropping this leaves the file alone: a master that replaces itself
/// goes on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// A socket that listens at `path`, and its file unless the name is an abstract one.
///
/// # Errors
/// When somebody listens there already, something else is in the way, or what the kernel says.
pub(super) fn bind(
    path: &Path,
    mode: Option<u32>,
    backlog: u32,
) -> Result<(OwnedFd, Option<SocketFile>), StartError> {
    let failed = StartError::listen_at(path);
    let socket = match unix::bind_path(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            make_way(path)?;
            unix::bind_path(path)
        }
        bound => bound,
    };
    let socket = socket.map_err(&failed)?;
    let file = match abstract_name(path) {
        Some(_) => None,
        None => Some(SocketFile::at(path).map_err(&failed)?),
    };
    let opened = open(&socket, file.as_ref(), mode, backlog);
    if let (Err(_), Some(file)) = (&opened, &file) {
        file.remove();
    }
    opened.map(|()| (socket, file)).map_err(failed)
}

/// Lets others connect. The mode comes first: until it listens nobody can, whatever the umask left.
fn open(
    socket: &OwnedFd,
    file: Option<&SocketFile>,
    mode: Option<u32>,
    backlog: u32,
) -> io::Result<()> {
    if let (Some(mode), Some(file)) = (mode, file) {
        file.set_mode(mode)?;
    }
    listen_on(socket, backlog)
}

/// Removes a file that a program left which no longer runs.
fn make_way(path: &Path) -> Result<(), StartError> {
    let failed = StartError::listen_at(path);
    let of_a_file = || fs::symlink_metadata(path).map(|file| file.file_type().is_socket());
    if abstract_name(path).is_none() && !of_a_file().map_err(&failed)? {
        return Err(StartError::NoSocket { path: path.to_owned() });
    }
    match unix::occupant(path).map_err(&failed)? {
        Occupant::Process(pid) => Err(StartError::PathServed { path: path.to_owned(), pid }),
        Occupant::Nobody if abstract_name(path).is_some() => Ok(()),
        Occupant::Nobody => {
            report::info!("replaces {}, where nobody listens any more", path.display());
            fs::remove_file(path).map_err(failed)
        }
    }
}

impl SocketFile {
    fn at(path: &Path) -> io::Result<SocketFile> {
        let file = fs::symlink_metadata(path)?;
        Ok(SocketFile { path: path.to_owned(), device: file.dev(), inode: file.ino() })
    }

    /// Gives the file these permissions, if it still is ours.
    pub(super) fn set_mode(&self, mode: u32) -> io::Result<()> {
        if self.is_there() {
            fs::set_permissions(&self.path, Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// Removes the file, unless another program has taken the path.
    pub(super) fn remove(&self) {
        if self.is_there()
            && let Err(error) = fs::remove_file(&self.path)
        {
            report::warn!("cannot remove {}: {error}", self.path.display());
        }
    }

    fn is_there(&self) -> bool {
        fs::symlink_metadata(&self.path)
            .is_ok_and(|file| (file.dev(), file.ino()) == (self.device, self.inode))
    }
}
