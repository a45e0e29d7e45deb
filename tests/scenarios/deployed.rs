//! A program as it is deployed: started through a link to its release, with its options in a file.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use multi_node_tests::{Program, Running, Scratch, Who};

use crate::support::PROGRAM;

/// Where it lies; gone when this is dropped.
pub(crate) struct Deployed(Scratch);

impl Deployed {
    /// The program of all scenarios with these options.
    pub(crate) fn new(options: &str) -> Deployed {
        let deployed = Deployed(Scratch::new());
        deployed.configure(options);
        deployed.point(Path::new(PROGRAM));
        deployed
    }

    /// The program, not started yet: it takes lines, or serves `http`.
    pub(crate) fn program(&self, serves: &str) -> Program {
        Program::new(self.current())
            .arg("configured")
            .arg(self.0.path().join("options"))
            .arg(serves)
    }

    /// The link that the program is started through.
    pub(crate) fn current(&self) -> PathBuf {
        self.0.path().join("current")
    }

    /// Writes other options, for the next reload.
    pub(crate) fn configure(&self, options: &str) {
        fs::write(self.0.path().join("options"), options).expect("it is ours");
    }

    /// Installs a release, a copy of this file, for the next reload; returns the copy.
    pub(crate) fn release(&self, name: &str, file: &str) -> PathBuf {
        let release = self.0.copy(file, &format!("releases/{name}/program"));
        self.point(&release);
        release
    }

    /// Points the link at a release, in one step as a deployment does.
    fn point(&self, release: &Path) {
        let next = self.0.path().join("next");
        symlink(release, &next).expect("the directory is ours");
        fs::rename(next, self.current()).expect("the directory is ours");
    }
}

/// Whether this file is the node's own image, as it says.
#[track_caller]
pub(crate) fn runs(program: &Running, node: &Who, file: impl AsRef<Path>) -> bool {
    let up = program.wait_for_line(&format!("up node={} ", node.node));
    let image = Path::new(up.field("image").expect("it says so"));
    image.canonicalize().ok() == file.as_ref().canonicalize().ok()
}
