//! What can be put at the program's path: versions that work, and things that do not.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use multi_node_tests::Scratch;

/// A version of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// What the program is started as.
    One,
    /// Another binary.
    Two,
}

/// What cannot take the place of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// It aborts before it does anything.
    CrashesAtStart,
    /// Its options cannot be evaluated.
    PanicsInOptions,
    /// It never gets ready.
    NeverReady,
    /// There is no file.
    Missing,
    /// The file may not be executed.
    NotExecutable,
    /// The file is no program.
    Garbage,
    /// It says what no master understands.
    SpeaksNonsense,
}

impl Version {
    /// The other one.
    pub fn other(self) -> Version {
        match self {
            Version::One => Version::Two,
            Version::Two => Version::One,
        }
    }

    /// What its answers say.
    pub fn word(self) -> &'static str {
        match self {
            Version::One => "version=one",
            Version::Two => "version=two",
        }
    }

    /// Puts it at `path` as a deployment does: beside it first, then in one step.
    pub(crate) fn install(self, scratch: &Scratch, path: &Path) {
        let file = match self {
            Version::One => "version_one",
            Version::Two => "version_two",
        };
        rename(scratch.copy(program(file), "next"), path);
    }
}

impl Broken {
    /// All kinds.
    pub const ALL: [Broken; 7] = [
        Broken::CrashesAtStart,
        Broken::PanicsInOptions,
        Broken::NeverReady,
        Broken::Missing,
        Broken::NotExecutable,
        Broken::Garbage,
        Broken::SpeaksNonsense,
    ];

    /// Puts it at `path`, in one step.
    pub(crate) fn install(self, scratch: &Scratch, path: &Path) {
        let copy = |name: &str| scratch.copy(program(name), "next");
        let next = match self {
            Broken::CrashesAtStart => copy("crashes_at_start"),
            Broken::PanicsInOptions => copy("panics_in_options"),
            Broken::NeverReady => copy("never_ready"),
            Broken::SpeaksNonsense => copy("speaks_nonsense"),
            Broken::Missing => return fs::remove_file(path).expect("the path is ours"),
            Broken::NotExecutable => {
                let next = copy("version_two");
                fs::set_permissions(&next, Permissions::from_mode(0o644)).expect("it is ours");
                next
            }
            Broken::Garbage => {
                let next = scratch.path().join("next");
                fs::write(&next, [0x7f, 0, b'n', b'o', b'\n']).expect("the directory is ours");
                fs::set_permissions(&next, Permissions::from_mode(0o755)).expect("it is ours");
                next
            }
        };
        rename(next, path);
    }
}

fn rename(from: PathBuf, to: &Path) {
    fs::rename(from, to).expect("the directory is ours");
}

/// Where cargo puts the programs of this package: beside the proof, and above its tests.
fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the kernel knows this program");
    let mut folders = own.ancestors().skip(1).map(|folder| folder.join(name));
    let found = folders.find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{name} is not built: cargo build -p multi-node-proof --bins"))
}
