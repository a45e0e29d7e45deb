//! The family's part in a reload: what comes with a new generation, and what goes with an old one.

use std::fmt::Debug;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use super::Family;
use crate::config::{Generation, Settings};
use crate::error::StartError;
use crate::master::rehearsal::Rehearsal;
use crate::report;
use crate::sys::process;

/// The fds of a master's two runtimes, its signals and its own control socket, with some to spare
/// for what `main` opens.
const MASTER: usize = 48;

/// The fds that its own node has for each listener, and for its ways to be woken.
const LISTENER: usize = 8;

impl Family {
    /// Runs the program of `generation` once, to see whether it could take over with `state`.
    ///
    /// # Errors
    /// When its file cannot be executed.
    pub(in crate::master) fn rehearse(
        &mut self,
        generation: Generation,
        state: OwnedFd,
    ) -> io::Result<()> {
        let (image, to) = (self.images.of(generation)?, self.happenings.clone());
        let begun = Rehearsal::start(&self.start, image, state, generation, to);
        self.rehearsal = Some(begun.map_err(|error| self.images.about(&error))?);
        Ok(())
    }

    /// Ends the rehearsal that runs.
    pub(in crate::master) fn end_rehearsal(&mut self) {
        if let Some(rehearsal) = self.rehearsal.take() {
            rehearsal.end();
        }
    }

    /// It has ended, and was reaped.
    pub(in crate::master) fn rehearsal_is_over(&mut self) {
        self.rehearsal = None;
    }

    /// Has the workers of `generation` start with these options; those that count at the start of
    /// the program alone stay as they are. Whether something that is listened on now is not any
    /// more once they count.
    ///
    /// # Errors
    /// When it is to listen where it cannot.
    pub(in crate::master) fn prepare(
        &mut self,
        generation: Generation,
        mut settings: Settings,
    ) -> Result<bool, StartError> {
        keep(&mut settings.user, &self.settings.user, "user");
        keep(&mut settings.group, &self.settings.group, "group");
        keep(&mut settings.pid_file, &self.settings.pid_file, "pid_file");
        self.places.plan(generation, &settings)?;
        self.coming = Some((generation, settings));
        Ok(self.places.drops(generation))
    }

    /// The options of `generation` count from now on; where it does not listen nobody connects.
    pub(in crate::master) fn switch(&mut self, generation: Generation) {
        if let Some((_, settings)) = self.coming.take() {
            self.settings = settings;
        }
        self.places.refuse_all_but(generation);
    }

    /// The reload to `generation` came to nothing: what was prepared for it goes.
    pub(in crate::master) fn discard(&mut self, generation: Generation) {
        self.coming = None;
        self.places.forget(generation);
    }

    /// Replaces this process's program by that of `generation`, which must run here already.
    /// Returns only when that failed.
    pub(in crate::master) fn replace(
        &self,
        generation: Generation,
        state: BorrowedFd<'_>,
        crossing: &[BorrowedFd<'_>],
    ) -> io::Error {
        match self.images.pinned(generation) {
            Some(image) => self.start.replace(image, state, crossing, self.needed()),
            None => io::ErrorKind::NotFound.into(),
        }
    }

    /// How many fds the new program opens beside those that cross, at most, until its own node
    /// serves and is linked to all others.
    fn needed(&self) -> usize {
        // Its end of the control socket twice, the handle of its exit, and a link of each kind.
        let workers = self.members.len() * 5;
        // Children that only the user code before it knew, to be reaped.
        let strangers = process::children().len().saturating_sub(self.members.len()) * 2;
        let slots = usize::from(self.places.slots().end() + 1);
        let listening = self.places.count() * (slots + LISTENER);
        MASTER + workers + strangers + listening
    }

    /// Ends listening where `generation` does not listen: whoever did so drains already.
    pub(in crate::master) fn close_all_but(&mut self, generation: Generation) {
        self.places.close_all_but(generation);
    }
}

/// Takes back what a reload cannot change.
fn keep<T: Clone + PartialEq + Debug>(option: &mut Option<T>, now: &Option<T>, name: &str) {
    if option != now {
        report::warn!(
            "{name}={}: stays {}, which the program was started with; stop it and start it again \
             to change that",
            shown(option),
            shown(now)
        );
        option.clone_from(now);
    }
}

fn shown<T: Debug>(option: &Option<T>) -> String {
    option.as_ref().map_or_else(|| "none".to_owned(), |value| format!("{value:?}"))
}
