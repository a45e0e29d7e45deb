//! The program files that workers run: one a generation, pinned when the generation began, so
//! that a crash after a deploy does not upgrade one worker by accident.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::crossing::{Landed, Leaving, Place};
use crate::config::Generation;
use crate::sys::process::Image;

/// The pinned images, by generation.
#[derive(Debug)]
pub(super) struct Images {
    /// Where a reload looks: what the program was called by, made absolute; symbolic links are
    /// left in it, so that `current -> releases/42` is followed anew.
    path: PathBuf,
    pinned: BTreeMap<Generation, Image>,
}

/// The images as they cross an exec.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    path: PathBuf,
    pinned: Vec<(Generation, Place)>,
}

impl Images {
    /// Pins the running program as generation 0.
    pub(super) fn of_this_program() -> io::Result<Images> {
        let path = match std::env::args_os().next() {
            Some(name) => called_by(&name),
            None => None,
        };
        let path = path.map_or_else(std::env::current_exe, Ok)?;
        Ok(Images { path, pinned: BTreeMap::from([(0, Image::running()?)]) })
    }

    /// The image of `generation`: what lies at the path now, when it is a new one.
    ///
    /// # Errors
    /// As [`Image::open`], with the path.
    pub(super) fn of(&mut self, generation: Generation) -> io::Result<&Image> {
        use std::collections::btree_map::Entry;
        match self.pinned.entry(generation) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(open(&self.path)?)),
        }
    }

    /// The image of `generation`, if it is pinned.
    pub(super) fn pinned(&self, generation: Generation) -> Option<&Image> {
        self.pinned.get(&generation)
    }

    pub(super) fn save<'a>(&'a self, fds: &mut Leaving<'a>) -> State {
        let pinned =
            self.pinned.iter().map(|(generation, image)| (*generation, fds.add(image.as_fd())));
        State { path: self.path.clone(), pinned: pinned.collect() }
    }

    /// # Errors
    /// When an fd did not cross.
    pub(super) fn restore(state: &State, fds: &mut Landed) -> io::Result<Images> {
        let pinned = state.pinned.iter();
        let pinned =
            pinned.map(|(generation, fd)| Ok((*generation, Image::from_fd(fds.take(*fd)?))));
        Ok(Images { path: state.path.clone(), pinned: pinned.collect::<io::Result<_>>()? })
    }

    /// The image that a reload would take now.
    ///
    /// # Errors
    /// As [`Image::open`], with the path.
    pub(super) fn at_path(&self) -> io::Result<Image> {
        open(&self.path)
    }

    /// `error`, with the path that it is about.
    pub(super) fn about(&self, error: &io::Error) -> io::Error {
        about(&self.path, error)
    }

    /// Lets go of every image that `is_used` no more.
    pub(super) fn keep(&mut self, is_used: impl Fn(Generation) -> bool) {
        self.pinned.retain(|generation, _| is_used(*generation));
    }
}

fn open(path: &Path) -> io::Result<Image> {
    Image::open(path).map_err(|error| about(path, &error))
}

fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The file that a shell finds for `name`, absolute.
fn called_by(name: &OsStr) -> Option<PathBuf> {
    let name = Path::new(name);
    if name.components().count() > 1 || name.is_absolute() {
        return std::path::absolute(name).ok().filter(|path| path.exists());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
        .and_then(|found| std::path::absolute(found).ok())
}
