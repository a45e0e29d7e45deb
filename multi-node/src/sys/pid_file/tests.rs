use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{PidFile, Refused};
use crate::sys::process;

/// A path of a test's own.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("multi-node-pid-file-{}-{number}", process::pid());
        Place(std::env::temp_dir().join(name))
    }

    fn text(&self) -> Option<String> {
        fs::read_to_string(&self.0).ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn claim(path: &Path) -> PidFile {
    PidFile::claim(path).expect("nobody has it")
}

fn ours() -> Option<String> {
    Some(format!("{}\n", process::pid()))
}

#[test]
fn it_is_empty_until_it_is_written_and_gone_when_it_is_removed() {
    let place = Place::new();
    let pid_file = claim(&place.0);
    assert_eq!(place.text().as_deref(), Some(""));
    pid_file.write().expect("it is open");
    assert_eq!(place.text(), ours());
    let mode = fs::metadata(&place.0).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o133, 0, "others may read it, and only its owner write");
    pid_file.remove().expect("it is ours");
    assert_eq!(place.text(), None);
}

#[test]
fn a_second_claim_is_refused_and_told_the_pid() {
    let place = Place::new();
    let pid_file = claim(&place.0);
    assert!(matches!(PidFile::claim(&place.0), Err(Refused::Held(None))));
    pid_file.write().expect("it is open");
    let held = PidFile::claim(&place.0).expect_err("it is taken");
    assert!(matches!(held, Refused::Held(Some(pid)) if pid == process::pid()), "{held:?}");
    assert_eq!(place.text(), ours());
}

#[test]
fn a_stale_one_is_replaced_however_long_it_is() {
    let place = Place::new();
    fs::write(&place.0, "4194304\n").expect("a directory for temporary files");
    let pid_file = claim(&place.0);
    assert_eq!(place.text().as_deref(), Some(""), "nobody is misled meanwhile");
    pid_file.write().expect("it is open");
    assert_eq!(place.text(), ours());
}

#[test]
fn a_file_that_holds_something_else_is_left_alone() {
    for content in ["root:x:0:0\n", "12 13\n", "-4\n"] {
        let place = Place::new();
        fs::write(&place.0, content).expect("a directory for temporary files");
        assert!(matches!(PidFile::claim(&place.0), Err(Refused::Foreign)));
        assert_eq!(place.text().as_deref(), Some(content));
    }
}

#[test]
fn a_device_is_no_pid_file() {
    assert!(matches!(PidFile::claim(Path::new("/dev/null")), Err(Refused::Foreign)));
}

#[test]
fn a_symbolic_link_is_not_followed() {
    let (place, target) = (Place::new(), Place::new());
    fs::write(&target.0, "1\n").expect("a directory for temporary files");
    symlink(&target.0, &place.0).expect("a directory for temporary files");
    assert!(matches!(PidFile::claim(&place.0), Err(Refused::Io(_))));
    assert_eq!(target.text().as_deref(), Some("1\n"));
}

#[test]
fn one_that_somebody_put_in_its_place_is_not_removed() {
    let place = Place::new();
    let pid_file = claim(&place.0);
    fs::remove_file(&place.0).expect("it is there");
    let other = claim(&place.0);
    other.write().expect("it is open");
    pid_file.remove().expect("there is nothing to do");
    assert_eq!(place.text(), ours());
}

#[test]
fn the_lock_crosses_with_its_fd() {
    let place = Place::new();
    let before = claim(&place.0);
    before.write().expect("it is open");
    let fd = before.as_fd().try_clone_to_owned().expect("an fd");
    let path = before.path().to_owned();
    // As an exec leaves it: the fd is all there is.
    std::mem::forget(before);
    let after = PidFile::resume(path, fd).expect("it has the lock");
    assert!(matches!(PidFile::claim(&place.0), Err(Refused::Held(Some(_)))));
    assert_eq!(place.text(), ours());
    after.remove().expect("it is ours");
    assert_eq!(place.text(), None);
}

#[test]
fn a_path_may_be_relative() {
    let relative = PathBuf::from(format!("multi-node-relative-{}", process::pid()));
    let pid_file = claim(&relative);
    assert!(pid_file.path().is_absolute());
    pid_file.remove().expect("it is ours");
    assert!(!relative.exists());
}
