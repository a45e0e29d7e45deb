//! A directory of a test's own, gone when the test ends.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory that every user can read, removed when this is dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes an empty directory.
    ///
    /// # Panics
    ///
    /// When the system's directory for temporary files cannot be written.
    #[expect(clippy::new_without_default, reason = "it makes a directory: nobody's default")]
    pub fn new() -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("multi-node-{}-{number}", process::id()));
        fs::create_dir(&path).expect("cannot make a scratch directory");
        let everyone = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&path, everyone).expect("cannot open the scratch directory");
        Scratch(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Copies the file `from` into it as `name` (directories in `name` are made) and returns the
    /// copy's path.
    ///
    /// # Panics
    ///
    /// When the copy fails.
    pub fn copy(&self, from: impl AsRef<Path>, name: &str) -> PathBuf {
        let to = self.0.join(name);
        fs::create_dir_all(to.parent().expect("inside the scratch directory"))
            .expect("cannot make a directory");
        // By a process of its own: a program that another thread starts meanwhile would hold this
        // one's fd until its exec, and a file that is open for writing cannot be executed.
        let copied = process::Command::new("cp").arg(from.as_ref()).arg(&to).status();
        assert!(copied.is_ok_and(|status| status.success()), "cannot copy");
        to
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A directory left in /tmp is no reason to fail a test.
        let _ = fs::remove_dir_all(&self.0);
    }
}
