//! Starts a program, hears what it says, and leaves nothing of it behind.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::proc_fs;

/// How long any program may take to say what is expected of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes this process the parent of every process whose own has died, so that it can end them.
pub(crate) fn adopt_orphans() -> Result<(), String> {
    set_child_subreaper(true).map_err(|errno| format!("prctl: {errno}"))
}

/// A line that a program said, and when.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) at: Instant,
}

/// A program that runs, with all the processes that it started.
///
/// Dropping it kills them and waits until they are gone.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<Line>,
    log: PathBuf,
    /// Just before the program was started.
    pub(crate) started: Instant,
}

impl Running {
    /// Starts a program; what it says on stderr goes to a file in `scratch`.
    pub(crate) fn start(command: &mut Command, scratch: &Path) -> Result<Self, String> {
        let program = command.get_program().to_owned();
        let named = |error: std::io::Error| format!("{}: {error}", program.display());
        let log = scratch.join(Path::new(&program).file_name().unwrap_or(&program));
        let log = log.with_extension("log");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).map_err(named)?);
        let started = Instant::now();
        let mut child = command.spawn().map_err(named)?;
        let stdout = BufReader::new(child.stdout.take().expect("it was asked for"));
        let (said, lines) = channel();
        thread::spawn(move || {
            for text in stdout.lines().map_while(Result::ok) {
                let at = Instant::now();
                if said.send(Line { text, at }).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines, log, started })
    }

    /// The next line that begins with `word`; others are passed over.
    pub(crate) fn line(&self, word: &str) -> Result<Line, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let patience = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(patience) {
                Ok(line) if line.text.starts_with(word) => return Ok(line),
                Ok(_) => {}
                Err(error) => {
                    return Err(format!(
                        "no line `{word}` ({error}); its stderr is in {}",
                        self.log.display()
                    ));
                }
            }
        }
    }

    /// Lets a program go on that waits for a line.
    pub(crate) fn go_on(&mut self) -> Result<(), String> {
        let stdin = self.child.stdin.as_mut().expect("it was asked for");
        stdin.write_all(b"\n").map_err(|error| error.to_string())
    }

    /// The process that was started.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// It and all that descend from it.
    pub(crate) fn family(&self) -> BTreeSet<u32> {
        proc_fs::family(self.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let root = pid(self.id());
        // Stopped, it cannot replace those that are killed before it.
        let _ = kill(root, Signal::SIGSTOP);
        if let Ok(WaitStatus::Stopped(..)) = waitpid(root, Some(WaitPidFlag::WUNTRACED)) {
            end(&self.family());
        }
    }
}

/// Kills what an earlier program left behind and says how many processes that were.
pub(crate) fn end_strays() -> usize {
    let strays: BTreeSet<u32> = proc_fs::children(std::process::id()).into_iter().collect();
    end(&strays);
    strays.len()
}

/// Kills these processes and returns when they are gone.
fn end(processes: &BTreeSet<u32>) {
    for &process in processes {
        let _ = kill(pid(process), Signal::SIGKILL);
    }
    for &process in processes {
        // One whose parent is still dying is not this process's child yet, but will be.
        while let Err(Errno::ECHILD) = waitpid(pid(process), None) {
            if !Path::new(&format!("/proc/{process}")).exists() {
                break;
            }
            thread::yield_now();
        }
    }
}

fn pid(process: u32) -> Pid {
    Pid::from_raw(i32::try_from(process).expect("process ids are small"))
}
