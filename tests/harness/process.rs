//! What `/proc` says about processes.
//!
//! A process may go at any moment: every question about one that is gone has an empty answer.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use nix::unistd::Pid;

/// A process as `/proc/<pid>/stat` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: Pid,
    /// Its name in `ps`.
    pub comm: String,
    /// `R`, `S`, `T` (stopped), `Z` (zombie), ...
    pub state: char,
    /// Its parent.
    pub parent: Pid,
    /// Its process group.
    pub group: Pid,
}

impl Process {
    /// Whether it has ended and waits for its parent to ask how.
    pub fn is_zombie(&self) -> bool {
        self.state == 'Z' || self.state == 'X'
    }
}

/// The process with this number, or `None` when there is none.
pub fn look_up(pid: Pid) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may itself hold some.
    let (comm, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let mut words = rest.split_whitespace();
    let state = words.next()?.chars().next()?;
    let mut number = || words.next()?.parse().ok().map(Pid::from_raw);
    Some(Process { pid, comm: comm.to_owned(), state, parent: number()?, group: number()? })
}

/// Whether the process exists and has not ended.
pub fn is_alive(pid: Pid) -> bool {
    look_up(pid).is_some_and(|process| !process.is_zombie())
}

/// The processes of a group, by number.
pub fn group(group: Pid) -> Vec<Process> {
    all().filter(|process| process.group == group).collect()
}

/// The children of a process, by number.
pub fn children(parent: Pid) -> Vec<Process> {
    all().filter(|process| process.parent == parent).collect()
}

fn all() -> impl Iterator<Item = Process> {
    let mut pids: Vec<i32> = fs::read_dir("/proc")
        .expect("no /proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    pids.into_iter().filter_map(|pid| look_up(Pid::from_raw(pid)))
}

/// Whether every thread of the process stands still after SIGSTOP.
pub fn is_stopped(pid: Pid) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return false;
    };
    threads.flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat"));
        stat.is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
    })
}

/// What the process's fds refer to, in the order of their numbers.
pub fn fds(pid: Pid) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return Vec::new();
    };
    let mut fds: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let number = entry.file_name().to_str()?.parse().ok()?;
            Some((number, fs::read_link(entry.path()).ok()?))
        })
        .collect();
    fds.sort_unstable();
    fds.into_iter().map(|(_, target)| target).collect()
}

/// How many threads the process has.
pub fn threads(pid: Pid) -> u64 {
    status(pid, "Threads:").unwrap_or(0)
}

/// The process's resident memory, in KiB.
pub fn resident(pid: Pid) -> u64 {
    status(pid, "VmRSS:").unwrap_or(0)
}

/// The number behind a name in `/proc/<pid>/status`.
fn status(pid: Pid, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The inodes of the TCP sockets that the process listens on.
pub fn listening(pid: Pid) -> BTreeSet<u64> {
    &sockets(pid) & &all_listening()
}

/// The inodes of all TCP sockets that listen.
pub fn all_listening() -> BTreeSet<u64> {
    const LISTEN: &str = "0A";
    tcp().filter(|row| row.state == LISTEN).map(|row| row.inode).collect()
}

/// The ports at the other ends of the process's TCP connections.
pub fn peers(pid: Pid) -> BTreeSet<u16> {
    let own = sockets(pid);
    tcp().filter(|row| own.contains(&row.inode)).map(|row| row.peer).collect()
}

/// The inodes of the process's sockets.
fn sockets(pid: Pid) -> BTreeSet<u64> {
    fds(pid)
        .iter()
        .filter_map(|target| target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']'))
        .filter_map(|inode| inode.parse().ok())
        .collect()
}

/// A TCP socket as `/proc/net/tcp` shows it.
struct Row {
    state: String,
    peer: u16,
    inode: u64,
}

fn tcp() -> impl Iterator<Item = Row> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
    tables
        .into_iter()
        .flatten()
        .flat_map(|table| table.lines().skip(1).filter_map(Row::parse).collect::<Vec<Row>>())
}

impl Row {
    fn parse(line: &str) -> Option<Row> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (_, peer) = words.get(2)?.rsplit_once(':')?;
        Some(Row {
            state: (*words.get(3)?).to_owned(),
            peer: u16::from_str_radix(peer, 16).ok()?,
            inode: words.get(9)?.parse().ok()?,
        })
    }
}
