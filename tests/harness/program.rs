//! How a program is started: in a process group of its own, with an environment of the test's.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Once};
use std::time::Duration;

use super::deadline::Deadline;
use super::output::{Log, Stream};
use super::running::Running;
use super::terminal::{self, Terminal};

/// A program to start; like `std::process::Command`, with what tests need.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    name: Option<OsString>,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    user: Option<u32>,
    open_files: Option<u32>,
    terminal: Option<PathBuf>,
    stdin: Option<Arc<OwnedFd>>,
    may_panic: bool,
    deadline: Duration,
}

impl Program {
    /// The program at `path`, without arguments and with one minute to do all that its test asks.
    pub fn new(path: impl Into<PathBuf>) -> Program {
        Program {
            path: path.into(),
            name: None,
            args: Vec::new(),
            env: Vec::new(),
            user: None,
            open_files: None,
            terminal: None,
            stdin: None,
            may_panic: false,
            deadline: Duration::from_secs(60),
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Program {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<I: IntoIterator<Item: AsRef<OsStr>>>(self, args: I) -> Program {
        args.into_iter().fold(self, Program::arg)
    }

    /// Sets an environment variable. `MULTI_NODE_*` of the test's own environment is not passed on.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Program {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Starts it under another `argv[0]` than its path.
    pub fn name(mut self, name: impl AsRef<OsStr>) -> Program {
        self.name = Some(name.as_ref().to_owned());
        self
    }

    /// Runs it as this user and group; only root may.
    pub fn user(mut self, id: u32) -> Program {
        self.user = Some(id);
        self
    }

    /// Sets how many files it may have open (`RLIMIT_NOFILE`, soft and hard).
    pub fn open_files(mut self, most: u32) -> Program {
        self.open_files = Some(most);
        self
    }

    /// Starts it as the leader of a session on this terminal, which is its standard input.
    pub fn on(mut self, terminal: &Terminal) -> Program {
        self.terminal = Some(terminal.path().to_owned());
        self
    }

    /// Gives it this as its standard input; nothing unless set.
    pub fn stdin(mut self, fd: impl Into<OwnedFd>) -> Program {
        self.stdin = Some(Arc::new(fd.into()));
        self
    }

    /// Says that a panic in the output is what the test wants to see.
    pub fn may_panic(mut self) -> Program {
        self.may_panic = true;
        self
    }

    /// Gives it this long, from start to end; one minute unless set.
    pub fn deadline(mut self, span: Duration) -> Program {
        self.deadline = span;
        self
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[track_caller]
    pub fn start(self) -> Running {
        adopt_orphans();
        let log = Log::new();
        let mut command = self.command();
        let stdin = self.stdin.as_ref().map(|fd| fd.try_clone().expect("there is room for an fd"));
        match &self.terminal {
            None => command.process_group(0).stdin(stdin.map_or_else(Stdio::null, Stdio::from)),
            // The leader of a session leads its process group too.
            Some(path) => command.stdin(terminal::open(path)),
        };
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|cause| panic!("cannot start {}: {cause}", self.path.display()));
        log.collect(Stream::Stdout, child.stdout.take().expect("piped"));
        log.collect(Stream::Stderr, child.stderr.take().expect("piped"));
        Running::watch(child, log, Deadline::after(self.deadline), self.may_panic)
    }

    fn command(&self) -> Command {
        let mut command = match self.open_files {
            None if self.terminal.is_some() => {
                // What these tests are run by may have SIGHUP ignored, which a program inherits.
                let mut env = Command::new("env");
                env.args(["--default-signal=HUP", "setsid", "--ctty"]).arg(&self.path);
                env
            }
            None => Command::new(&self.path),
            // The shell sets the limit and becomes the program: no code of ours runs between fork
            // and exec.
            Some(most) => {
                let mut shell = Command::new("/bin/sh");
                shell.arg("-c").arg(format!("ulimit -n {most} && exec \"$0\" \"$@\""));
                shell.arg(&self.path);
                shell
            }
        };
        if let Some(name) = &self.name {
            command.arg0(name);
        }
        if let Some(id) = self.user {
            command.uid(id).gid(id);
        }
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"MULTI_NODE_") {
                command.env_remove(name);
            }
        }
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Makes this process the parent of what a dead master leaves behind, so that a test sees it
/// whatever process 1 is.
fn adopt_orphans() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        nix::sys::prctl::set_child_subreaper(true).expect("cannot become a subreaper");
    });
}
