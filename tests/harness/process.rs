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

/// The inodes of the TCP sockets that the process listens on.
pub fn listening(pid: Pid) -> BTreeSet<u64> {
    let listening = all_listening();
    fds(pid)
        .iter()
        .filter_map(|target| target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']'))
        .filter_map(|inode| inode.parse().ok())
        .filter(|inode| listening.contains(inode))
        .collect()
}

/// The inodes of all TCP sockets that listen.
pub fn all_listening() -> BTreeSet<u64> {
    const LISTEN: &str = "0A";
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| {
            table
                .lines()
                .skip(1)
                .filter_map(|row| {
                    let words: Vec<&str> = row.split_whitespace().collect();
                    (words.get(3) == Some(&LISTEN)).then(|| words.get(9)?.parse().ok())?
                })
                .collect::<Vec<u64>>()
        })
        .collect()
}
