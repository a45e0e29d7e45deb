//! Limits of a process, lowered for a while.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use multi_node_tests::process;
use nix::unistd::Pid;

/// What a process may run out of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Resource {
    /// Open files (`RLIMIT_NOFILE`).
    Files,
    /// Processes of its user (`RLIMIT_NPROC`).
    Processes,
}

/// Less than any node has open, and yet enough for poll(2) to watch what it must.
const FEW: &str = "16";

/// A process that has nothing left of a resource, until this is dropped.
///
/// Only the soft limit is lowered, so that whoever lowered it may raise it again.
#[derive(Debug)]
pub(crate) struct Exhausted {
    pid: Pid,
    option: &'static str,
    before: String,
}

impl Exhausted {
    /// `None` when the process has gone.
    ///
    /// # Panics
    ///
    /// When it is there and its limits cannot be changed, or prlimit(1) is not installed.
    #[track_caller]
    pub(crate) fn new(pid: Pid, resource: Resource) -> Option<Exhausted> {
        let option = match resource {
            Resource::Files => "--nofile",
            Resource::Processes => "--nproc",
        };
        let mut shows = prlimit(pid)?;
        let shown = shows.args(["--noheadings", "--raw", "--output", "SOFT", option]).output();
        let shown = shown.expect("prlimit(1), of util-linux, is installed");
        let before = String::from_utf8_lossy(&shown.stdout).trim().to_owned();
        let exhausted = Exhausted { pid, option, before };
        let is_set = shown.status.success() && exhausted.set(FEW);
        assert!(is_set || !process::is_alive(pid), "the limits of {pid} cannot be changed");
        is_set.then_some(exhausted)
    }

    fn set(&self, soft: &str) -> bool {
        prlimit(self.pid).is_some_and(|mut sets| {
            let set = sets.arg(format!("{}={soft}:", self.option)).status();
            set.is_ok_and(|status| status.success())
        })
    }
}

/// prlimit(1) for the process, as the user that owns it: root without all its capabilities may not
/// change the limits of others.
fn prlimit(pid: Pid) -> Option<Command> {
    let owner = fs::metadata(format!("/proc/{pid}")).ok()?;
    let mut prlimit = Command::new("prlimit");
    prlimit
        .uid(owner.uid())
        .gid(owner.gid())
        .stderr(Stdio::null())
        .arg("--pid")
        .arg(pid.to_string());
    Some(prlimit)
}

impl Drop for Exhausted {
    fn drop(&mut self) {
        // A process that has gone needs no limit.
        self.set(&self.before);
    }
}
