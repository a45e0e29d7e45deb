//! A program that runs: waiting for what it prints, signalling it, and the checks after its end.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Child;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{Pid, getpid};

use super::deadline::{Deadline, eventually};
use super::output::{Exit, Line, Log, State, Stream};
use super::process::{self, Process};
use super::who::Who;

/// A started program; dropping it kills its whole process group.
///
/// Test programs print `up node=… slot=… generation=… pid=… addr=…` when a node begins to serve;
/// `lines` and `http` do so once it told its master that it is ready.
#[derive(Debug)]
pub struct Running {
    child: Child,
    pid: Pid,
    log: Log,
    deadline: Deadline,
    may_panic: bool,
    listeners: Mutex<BTreeSet<u64>>,
}

impl Running {
    pub(crate) fn watch(child: Child, log: Log, deadline: Deadline, may_panic: bool) -> Running {
        let pid = Pid::from_raw(child.id().cast_signed());
        let waiter = log.clone();
        thread::spawn(move || {
            // Left unreaped, so that the number stays taken until the group is killed.
            let exit = match waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
                Ok(WaitStatus::Exited(_, code)) => Exit::Code(code),
                Ok(WaitStatus::Signaled(_, signal, _)) => Exit::Signal(signal),
                // Only once this is dropped and the process reaped: nobody looks any more.
                _ => return,
            };
            waiter.change(|state| state.exit = Some(exit));
        });
        Running { child, pid, log, deadline, may_panic, listeners: Mutex::default() }
    }

    /// The process that was started: the master, and the number of the process group.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// When the program's time is up.
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// The processes of its group that have not ended, other than the master.
    pub fn others(&self) -> Vec<Process> {
        let mut members = process::group(self.pid);
        members.retain(|member| member.pid != self.pid && !member.is_zombie());
        members
    }

    /// What was printed so far.
    pub fn lines(&self) -> Vec<Line> {
        self.log.state().lines.clone()
    }

    /// The nodes that have said that they are up, in that order.
    pub fn nodes(&self) -> Vec<Who> {
        self.log.state().lines.iter().filter_map(up).collect()
    }

    /// Waits for the first line in which `pattern` stands.
    #[track_caller]
    pub fn wait_for_line(&self, pattern: &str) -> Line {
        self.wait_for_lines(pattern, 1).remove(0)
    }

    /// Waits for `count` lines in which `pattern` stands.
    #[track_caller]
    pub fn wait_for_lines(&self, pattern: &str, count: usize) -> Vec<Line> {
        let what = format!("{count} x {pattern:?}");
        self.wait(&what, |state| {
            let found = state.lines.iter().filter(|line| line.text.contains(pattern)).take(count);
            let found: Vec<Line> = found.cloned().collect();
            (found.len() == count).then_some(found)
        })
    }

    /// Waits for a line for which `found` has an answer.
    #[track_caller]
    pub fn wait_for<T>(&self, what: &str, mut found: impl FnMut(&Line) -> Option<T>) -> T {
        self.wait(what, |state| state.lines.iter().find_map(&mut found))
    }

    /// Waits until `count` nodes have said that they are up, and returns what they said.
    #[track_caller]
    pub fn wait_for_ups(&self, count: usize) -> Vec<Line> {
        let up = self.wait(&format!("{count} nodes that are up"), |state| {
            let up = state.lines.iter().filter(|line| line.text.starts_with("up node="));
            let up: Vec<Line> = up.take(count).cloned().collect();
            (up.len() == count).then_some(up)
        });
        let listeners = process::listening(self.pid);
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).extend(listeners);
        up
    }

    /// Waits until `count` nodes have said that they are up, and returns them by slot.
    #[track_caller]
    pub fn wait_for_nodes(&self, count: usize) -> Vec<Who> {
        let mut nodes: Vec<Who> = self.wait_for_ups(count).iter().filter_map(up).collect();
        nodes.sort_by_key(|who| who.slot);
        nodes
    }

    /// Waits until a node for which `wanted` holds has said that it is up.
    #[track_caller]
    pub fn wait_for_node(&self, what: &str, mut wanted: impl FnMut(&Who) -> bool) -> Who {
        self.wait_for(what, |line| up(line).filter(&mut wanted))
    }

    /// Waits for the first node and returns where its program listens, on the loopback when it
    /// listens everywhere.
    #[track_caller]
    pub fn addr(&self) -> SocketAddr {
        let up = self.wait_for_ups(1).remove(0);
        let mut addr: SocketAddr = up
            .field("addr")
            .and_then(|addr| addr.parse().ok())
            .unwrap_or_else(|| panic!("no address in {:?}", up.text));
        if addr.ip().is_unspecified() {
            addr.set_ip(match addr {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        addr
    }

    /// Sends a signal to the master.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        kill(self.pid, signal).expect("the master cannot be signalled");
    }

    /// Sends a signal to every process of the group, as a terminal does.
    #[track_caller]
    pub fn signal_group(&self, signal: Signal) {
        killpg(self.pid, signal).expect("the group cannot be signalled");
    }

    /// Waits until the master has ended.
    #[track_caller]
    pub fn wait_exit(&self) -> Exit {
        self.wait("the master's end", |state| state.exit)
    }

    /// How the master ended, or `None` while it runs.
    pub fn exit(&self) -> Option<Exit> {
        self.log.state().exit
    }

    /// Stops the program with SIGTERM, expects exit code 0, and then as [`Running::finish`].
    #[track_caller]
    pub fn stop(self) -> Vec<Line> {
        self.signal(Signal::SIGTERM);
        assert_eq!(self.wait_exit(), Exit::Code(0), "a stop by signal is a success");
        self.finish()
    }

    /// Waits for the end and checks what every scenario promises: the program's streams are
    /// closed, no process of it is left (a master that ends by itself has reaped its workers; a
    /// killed one leaves them to leave by themselves), none of its sockets listens, and nothing
    /// panicked. Returns all that was printed.
    #[track_caller]
    pub fn finish(self) -> Vec<Line> {
        if matches!(self.wait_exit(), Exit::Code(_)) {
            let mut left = process::group(self.pid);
            left.retain(|member| member.pid != self.pid);
            assert_eq!(left, [], "the master ended before its processes");
        }
        eventually(self.deadline, "the whole group has gone", || {
            self.reap_orphans();
            process::group(self.pid).iter().all(|member| member.pid == self.pid)
        });
        self.wait("the end of its output", |state| (state.open_streams == 0).then_some(()));
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // What the test itself holds was lent to the program.
        let lent = process::listening(getpid());
        listeners.retain(|inode| !lent.contains(inode));
        assert!(process::all_listening().is_disjoint(&listeners), "a socket of it still listens");
        let lines = self.lines();
        let panic = lines.iter().find(|line| line.text.contains("panicked at"));
        assert!(self.may_panic || panic.is_none(), "something panicked");
        lines
    }

    #[track_caller]
    fn wait<T>(&self, what: &str, probe: impl FnMut(&State) -> Option<T>) -> T {
        let found = self.log.wait(self.deadline, probe);
        found.unwrap_or_else(|| panic!("waited {:?} for {what}", self.deadline.span()))
    }

    /// Reaps those of its processes that a dead master left to us.
    fn reap_orphans(&self) {
        for member in process::group(self.pid) {
            if member.pid != self.pid && member.parent == getpid() {
                // It may not have ended yet, or not be ours any more: the caller looks again.
                let _ = waitpid(member.pid, Some(WaitPidFlag::WNOHANG));
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let ended = self.exit();
        // Nothing to kill is what a finished program leaves.
        let _ = killpg(self.pid, Signal::SIGKILL);
        let deadline = Deadline::after(Duration::from_secs(10));
        self.log.wait(deadline, |state| state.exit);
        if thread::panicking() {
            // Its last words may not have been read yet.
            self.log.wait(deadline, |state| (state.open_streams == 0).then_some(()));
            let how = ended.map_or("still running".to_owned(), |exit| format!("{exit:?}"));
            let (pid, printed) = (self.pid, self.log.state());
            eprintln!("--- what {pid} printed:\n{printed}           = {how}\n---");
        }
        let _ = self.child.try_wait();
        if !thread::panicking() {
            eventually(deadline, "a killed group has gone", || {
                self.reap_orphans();
                process::group(self.pid).is_empty()
            });
        }
    }
}

/// The node that says in this line that it is up.
fn up(line: &Line) -> Option<Who> {
    line.text.starts_with("up node=").then(|| Who::parse(&line.text))?
}

/// The lines that were printed to standard error.
pub fn stderr(lines: &[Line]) -> Vec<&str> {
    let errors = lines.iter().filter(|line| line.stream == Stream::Stderr);
    errors.map(|line| line.text.as_str()).collect()
}
