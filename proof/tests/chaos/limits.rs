//! Limits of a process, lowered for a while.

use std::process::{Command, Stdio};

use nix::unistd::Pid;

/// What a process may run out of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Resource {
    /// Open files (`RLIMIT_NOFILE`).
    Files,
    /// Processes of its user (`RLIMIT_NPROC`).
    Processes,
}

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
    /// `None` when the process has gone, or prlimit(1) is not there.
    pub(crate) fn new(pid: Pid, resource: Resource) -> Option<Exhausted> {
        let option = match resource {
            Resource::Files => "--nofile",
            Resource::Processes => "--nproc",
        };
        let shown = Command::new("prlimit")
            .args(["--noheadings", "--raw", "--output", "SOFT", option, "--pid", &pid.to_string()])
            .stderr(Stdio::null())
            .output()
            .ok()?;
        let before = String::from_utf8(shown.stdout).ok()?.trim().to_owned();
        let exhausted = Exhausted { pid, option, before };
        (shown.status.success() && exhausted.set("1")).then_some(exhausted)
    }

    fn set(&self, soft: &str) -> bool {
        let set = Command::new("prlimit")
            .arg("--pid")
            .arg(self.pid.to_string())
            .arg(format!("{}={soft}:", self.option))
            .stderr(Stdio::null())
            .status();
        set.is_ok_and(|status| status.success())
    }
}

impl Drop for Exhausted {
    fn drop(&mut self) {
        // A process that has gone needs no limit.
        self.set(&self.before);
    }
}
