//! A terminal of a test's own, to type into and to close.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};

/// A pseudo-terminal; dropping it closes it, as a terminal's window does.
#[derive(Debug)]
pub struct Terminal {
    master: PtyMaster,
    path: PathBuf,
}

impl Terminal {
    /// Opens one that nothing runs on yet.
    ///
    /// # Panics
    ///
    /// When the system has none left.
    #[expect(clippy::new_without_default, reason = "it opens a terminal: nobody's default")]
    pub fn new() -> Terminal {
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)
            .expect("cannot open a terminal");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it is ours");
        let path = ptsname_r(&master).expect("it has a name").into();
        Terminal { master, path }
    }

    /// Types a line into it.
    ///
    /// # Panics
    ///
    /// When nobody has it open any more.
    #[track_caller]
    pub fn type_line(&mut self, line: &str) {
        self.master.write_all(format!("{line}\n").as_bytes()).expect("it is open");
    }

    /// Where programs open it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The terminal at `path`, for a program that is to have it and not for this process.
pub(crate) fn open(path: &Path) -> File {
    let opened =
        File::options().read(true).write(true).custom_flags(nix::libc::O_NOCTTY).open(path);
    opened.expect("the terminal is open")
}
