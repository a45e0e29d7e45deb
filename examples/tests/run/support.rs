//! Starts an example as its header says, talks to it, and sees that nothing of it is left.
//!
//! Every wait is for an event and has a deadline; nothing here sleeps.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// How long a whole test may take.
const TEST: Duration = Duration::from_secs(60);

/// How long one answer may take.
pub(crate) const ANSWER: Duration = Duration::from_secs(10);

/// A program that runs, in a process group of its own that is killed on drop.
pub(crate) struct Program {
    name: &'static str,
    child: Child,
    output: Receiver<String>,
    said: Vec<String>,
    deadline: Instant,
}

impl Program {
    /// Starts an example on a port that the kernel chooses, at the root of the repository.
    pub(crate) fn start(name: &'static str, arguments: &[&str]) -> Program {
        let mut command = Command::new(binary(name));
        command.args(arguments).current_dir(root()).env("MULTI_NODE_PORT", "0");
        Program::run(name, command)
    }

    /// Starts any program.
    pub(crate) fn run(name: &'static str, mut command: Command) -> Program {
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let (lines, output) = mpsc::channel();
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        forward(stdout, lines.clone());
        forward(stderr, lines);
        Program { name, child, output, said: Vec::new(), deadline: Instant::now() + TEST }
    }

    /// Waits for a line with `part` in it that was not waited for before.
    pub(crate) fn line(&mut self, part: &str) -> String {
        loop {
            match self.next_line() {
                Some(line) if line.contains(part) => return line,
                Some(_) => {}
                None => panic!("{} ended without saying {part:?}: {:#?}", self.name, self.said),
            }
        }
    }

    /// The address that it says it listens on, as one to connect to.
    pub(crate) fn address(&mut self) -> SocketAddr {
        let line = self.line("listening on ");
        let port = line.rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.unwrap_or_else(|| panic!("no port in {line:?}"));
        (Ipv4Addr::LOCALHOST, port).into()
    }

    /// Signals the process that was started, which is the master.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the master is there");
    }

    /// What a terminal does at Ctrl-C: SIGINT to all of them.
    pub(crate) fn interrupt(&self) {
        killpg(self.pid(), Signal::SIGINT).expect("the group is there");
    }

    /// Ctrl-C, and a good end: exit code 0, no panic, nobody left. Returns all that was said.
    pub(crate) fn stop(self) -> Vec<String> {
        self.interrupt();
        self.ends_well()
    }

    /// Waits for a good end, as [`stop`](Program::stop).
    pub(crate) fn ends_well(self) -> Vec<String> {
        let name = self.name;
        let (status, said) = self.end();
        assert!(status.success(), "{name} ended with {status}: {said:#?}");
        said
    }

    /// Waits until all its processes have ended.
    pub(crate) fn end(mut self) -> (ExitStatus, Vec<String>) {
        let status = self.exit();
        assert!(killpg(self.pid(), None).is_err(), "{} left processes behind", self.name);
        let said = std::mem::take(&mut self.said);
        let panicked = said.iter().any(|line| line.contains("panicked"));
        assert!(!panicked, "{} panicked: {said:#?}", self.name);
        (status, said)
    }

    /// Waits for a good end of a program that leaves processes to this one, which has to have become
    /// the one that adopts them.
    pub(crate) fn ends_well_with_orphans(mut self) {
        let status = self.exit();
        self.until("all its processes have ended", || {
            self.reap_orphans(WaitPidFlag::WNOHANG);
            thread::yield_now();
            killpg(self.pid(), None).err()
        });
        assert!(status.success(), "{} ended with {status}: {:#?}", self.name, self.said);
    }

    /// Waits until nobody has its output open any more, and how the process that was started ends.
    fn exit(&mut self) -> ExitStatus {
        while self.next_line().is_some() {}
        self.child.wait().expect("the program can be waited for")
    }

    /// Calls `attempt` until it returns something; for what an event cannot tell.
    pub(crate) fn until<T>(&self, what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
        loop {
            assert!(Instant::now() < self.deadline, "{}: not in time: {what}", self.name);
            if let Some(found) = attempt() {
                return found;
            }
        }
    }

    /// The next line of either output; `None` when both are closed.
    fn next_line(&mut self) -> Option<String> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match self.output.recv_timeout(left) {
            Ok(line) => {
                self.said.push(line.clone());
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("{} says nothing more and does not end: {:#?}", self.name, self.said)
            }
        }
    }

    /// Reaps those of its processes that were left to this one.
    fn reap_orphans(&self, how: WaitPidFlag) {
        let group = Pid::from_raw(-self.pid().as_raw());
        while waitpid(group, Some(how)).is_ok_and(|status| status != WaitStatus::StillAlive) {}
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = killpg(self.pid(), Signal::SIGKILL);
        let _ = self.child.wait();
        self.reap_orphans(WaitPidFlag::empty()); // no wait, they are killed
    }
}

/// Kills one process outright.
pub(crate) fn kill_process(pid: &str) {
    let pid = pid.parse().expect("a pid is a number");
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("the process is there");
}

fn forward(output: impl Read + Send + 'static, lines: mpsc::Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                break;
            }
        }
    });
}

/// Where cargo put the example, seen from this test.
fn binary(name: &str) -> PathBuf {
    let test = env::current_exe().expect("this test is a file");
    let profile = test.ancestors().nth(2).expect("it lies in target/<profile>/deps");
    let binary = profile.join("examples").join(name);
    let missing = "is missing: run `cargo test`, which builds the examples first";
    assert!(binary.exists(), "{} {missing}", binary.display());
    binary
}

/// The root of the repository, where its README says to run things.
pub(crate) fn root() -> &'static Path {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders.find(|folder| folder.join("Cargo.lock").exists()).expect("the package lies below it")
}

/// A connection that waits for no answer longer than [`ANSWER`].
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, ANSWER).expect("it takes connections");
    stream.set_read_timeout(Some(ANSWER)).expect("ANSWER is not zero");
    stream
}

/// An HTTP answer.
pub(crate) struct Answer {
    /// Status line and headers.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Asks for `/`, with more header lines, on a connection of its own.
pub(crate) fn get(address: SocketAddr, headers: &str) -> Answer {
    get_path(address, "/", headers)
}

/// Asks as [`get`] does, for another path.
pub(crate) fn get_path(address: SocketAddr, path: &str, headers: &str) -> Answer {
    let mut stream = connect(address);
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).expect("the request is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer arrives");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head ends with an empty line");
    Answer { head: head.to_owned(), body: body.to_owned() }
}

/// The word after `key`, up to white space or a comma.
pub(crate) fn word<'a>(text: &'a str, key: &str) -> &'a str {
    let (_, rest) = text.split_once(key).unwrap_or_else(|| panic!("no {key:?} in {text:?}"));
    rest.split([' ', ',', '\n']).next().unwrap_or_default()
}
