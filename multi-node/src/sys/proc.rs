//! What the kernel tells of a process: its threads and what they do, its CPU time, its memory.
//!
//! Reads /proc and CPU clocks. What cannot be read, since the process is gone, not ours to look
//! into, or the kernel does not have it, is left out. Never waits, and judges nothing.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::{Pid, SysconfVar, sysconf};

#[cfg(test)]
mod tests;

/// What a thread does at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thread {
    pub(crate) name: String,
    /// The letter in /proc: R runs, S and D sleep, T is stopped.
    pub(crate) state: char,
    /// Where in the kernel it sleeps.
    pub(crate) wait_channel: Option<String>,
    /// The kernel functions that it is in, innermost first; for root's eyes only.
    pub(crate) stack: Vec<String>,
}

/// The first threads of a process, its main thread foremost.
pub(crate) fn threads(pid: u32) -> Vec<Thread> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable_by_key(|number| (*number != pid, *number));
    numbers.into_iter().take(MOST_THREADS).filter_map(|number| thread(pid, number)).collect()
}

fn thread(pid: u32, number: u32) -> Option<Thread> {
    let folder = format!("/proc/{pid}/task/{number}");
    let (name, state) = name_and_state(&read(&folder, "stat")?)?;
    let wait_channel = read(&folder, "wchan").filter(|wchan| !matches!(wchan.as_str(), "" | "0"));
    let stack = read(&folder, "stack").as_deref().map(functions).unwrap_or_default();
    Some(Thread { name, state, wait_channel, stack })
}

/// Whether a debugger is attached to a process.
pub(crate) fn is_traced(pid: u32) -> bool {
    read(format!("/proc/{pid}"), "status").is_some_and(|status| tracer(&status) != Some(0))
}

/// The CPU time of a process since its start.
pub(crate) fn cpu_time(pid: u32) -> Option<Duration> {
    let clock = clock_getcpuclockid(Pid::from_raw(pid.cast_signed())).ok()?;
    Some(clock_gettime(clock).ok()?.into())
}

/// The CPU time of this process since its start.
pub(crate) fn own_cpu_time() -> Duration {
    // It fails for clocks that do not exist, and this one does.
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// This process's resident memory, in bytes; 0 when /proc does not say.
pub(crate) fn resident() -> u64 {
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    let page = page.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(4096);
    let pages = read("/proc/self", "statm").and_then(|statm| resident_pages(&statm));
    pages.unwrap_or(0).saturating_mul(page)
}

fn read(folder: impl AsRef<Path>, name: &str) -> Option<String> {
    // A thread's name may hold anything.
    let bytes = fs::read(folder.as_ref().join(name)).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The name and the state in `<number> (<name>) <state> ...`.
fn name_and_state(stat: &str) -> Option<(String, char)> {
    let (front, rest) = stat.rsplit_once(')')?;
    let (_, name) = front.split_once('(')?;
    Some((name.to_owned(), rest.trim_start().chars().next()?))
}

/// The functions in lines of `[<0>] function+0x12/0x34`.
fn functions(stack: &str) -> Vec<String> {
    let function = |line: &str| {
        let (_, symbol) = line.split_once("] ")?;
        Some(symbol.split('+').next()?.to_owned())
    };
    stack.lines().filter_map(function).take(MOST_FUNCTIONS).collect()
}

/// The number in the line `TracerPid:`.
fn tracer(status: &str) -> Option<u32> {
    status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?.trim().parse().ok()
}

/// The second number of `<size> <resident> <shared> ...`, in pages.
fn resident_pages(statm: &str) -> Option<u64> {
    statm.split_ascii_whitespace().nth(1)?.parse().ok()
}

const MOST_THREADS: usize = 64;
const MOST_FUNCTIONS: usize = 6;
