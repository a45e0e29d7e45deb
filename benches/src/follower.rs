//! The second process of two that talk: this program once more, with another part to play.

use std::env;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};

/// A process that follows this one, which leads. Dropping it kills it.
#[derive(Debug)]
pub struct Follower(Child);

impl Follower {
    /// What stands after the arguments of a process that follows.
    pub const WORD: &'static str = "follow";

    /// Starts this program with these arguments and [`WORD`](Follower::WORD), and with `stdin` as
    /// its standard input.
    ///
    /// # Errors
    ///
    /// When the kernel has no room for it.
    pub fn start(arguments: &[String], stdin: impl Into<Stdio>) -> io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.args(arguments).arg(Self::WORD).stdin(stdin).spawn().map(Self)
    }

    /// Whether this process was started with these arguments to follow.
    #[must_use]
    pub fn is_this(arguments: &[String]) -> bool {
        arguments.last().is_some_and(|last| last == Self::WORD)
    }

    /// What the lead gave this process as its standard input.
    ///
    /// # Errors
    ///
    /// When there is no room for another fd.
    pub fn inherited() -> io::Result<OwnedFd> {
        io::stdin().as_fd().try_clone_to_owned()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // One that has ended by itself only has to be waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
