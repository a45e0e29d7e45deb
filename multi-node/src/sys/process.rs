//! Processes: what this one is, the image that its children run, starting, signalling, reaping.
//!
//! Never reaps a process that it did not start, and waits for none but one that it just killed.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::stat::fstat;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{dup2_stdin, getpid, getppid};

use super::replace;
use super::signal::Held;
use crate::config::ExitStatus;

/// Tells a worker that it is one: `<pid of its master>:<inode of its fd 0>`. It stays in the
/// environment of the worker's own children, for whom neither half is true.
const TOKEN: &str = "MULTI_NODE_WORKER";

/// What belongs to the master alone: a worker that spoke to the service manager would confuse it,
/// and one that thought itself watched would try to.
///
/// A token in it is that of another program, one of whose nodes started this one.
const NOT_INHERITED: [&str; 8] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    TOKEN,
    replace::TOKEN,
];

/// The longest name that ps shows (`TASK_COMM_LEN` less its NUL).
const COMM: usize = 15;

/// This process's number.
pub(crate) fn pid() -> u32 {
    getpid().as_raw().cast_unsigned()
}

/// Whether this process is a worker: then its control socket, moved off fd 0, where /dev/null
/// takes its place.
///
/// # Errors
/// What the kernel says when the socket cannot be moved.
pub(crate) fn control_socket() -> io::Result<Option<OwnedFd>> {
    let Some(token) = std::env::var_os(TOKEN) else {
        return Ok(None);
    };
    let stdin = io::stdin();
    let master = getppid().as_raw().cast_unsigned();
    if token != *token_for(master, stdin.as_fd())? {
        return Ok(None);
    }
    let control = stdin.as_fd().try_clone_to_owned()?;
    dup2_stdin(File::open("/dev/null")?)?;
    Ok(Some(control))
}

fn token_for(master: u32, socket: BorrowedFd<'_>) -> io::Result<OsString> {
    Ok(format!("{master}:{}", fstat(socket)?.st_ino).into())
}

/// An open program file: what it held when it was opened is what runs, whatever its path leads
/// to later.
#[derive(Debug)]
pub(crate) struct Image(File);

impl Image {
    /// The file that this very process runs.
    pub(crate) fn running() -> io::Result<Image> {
        Image::open(Path::new("/proc/self/exe"))
    }

    /// The file, by its own fd: it has crossed an exec.
    pub(crate) fn from_fd(fd: OwnedFd) -> Image {
        Image(fd.into())
    }

    /// # Errors
    /// As open(2); `PermissionDenied` too when the file may not be executed.
    pub(crate) fn open(path: &Path) -> io::Result<Image> {
        let file = File::options().read(true).custom_flags(libc::O_PATH).open(path)?;
        nix::unistd::access(path, nix::unistd::AccessFlags::X_OK)?;
        Ok(Image(file))
    }
}

impl AsFd for Image {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What every process of the program is started with: the arguments and the environment of the
/// master's start.
#[derive(Debug)]
pub(crate) struct Start {
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
}

impl Start {
    pub(crate) fn of_this_process() -> Start {
        Start { args: std::env::args_os().collect(), env: std::env::vars_os().collect() }
    }

    /// Replaces this process's program by `image`: see [`replace::replace`].
    pub(crate) fn replace(
        &self,
        image: &Image,
        state: BorrowedFd<'_>,
        crossing: &[BorrowedFd<'_>],
        needed: usize,
    ) -> io::Error {
        replace::replace(image, &self.args, &self.env, state, crossing, needed)
    }

    /// Starts `image` with `control` as its fd 0.
    ///
    /// # Errors
    /// As fork(2) and execve(2).
    pub(crate) fn spawn(&self, image: &Image, control: OwnedFd) -> io::Result<Child> {
        let token = token_for(pid(), control.as_fd())?;
        let mut args = self.args.iter();
        let mut command = Command::new(format!("/proc/self/fd/{}", image.0.as_raw_fd()));
        if let Some(name) = args.next() {
            command.arg0(name);
        }
        command.args(args).env_clear().env(TOKEN, token);
        let inherited = |name: &OsStr| !NOT_INHERITED.iter().any(|kept| name == *kept);
        let env = self.env.iter().map(|(name, value)| (name, value));
        command.envs(env.filter(|(name, _)| inherited(name)));
        command.stdin(Stdio::from(control));
        let held = Held::hold()?;
        let child = command.spawn();
        drop(held);
        let mut child = child?;
        Child::open(child.id()).inspect_err(|_| {
            // Without a handle it could not be supervised. It has run for no time at all.
            let _ = child.kill().and_then(|()| child.wait());
        })
    }
}

/// A child of ours: its number is not used again before [`Child::reap`] took its status.
#[derive(Debug)]
pub(crate) struct Child {
    pid: u32,
    handle: OwnedFd,
}

impl Child {
    /// A child that this process had before its program was replaced, by what was kept of it.
    pub(crate) fn kept(pid: u32, handle: OwnedFd) -> Child {
        Child { pid, handle }
    }

    /// The child of that number.
    ///
    /// # Errors
    /// `ESRCH` when there is none.
    pub(crate) fn open(pid: u32) -> io::Result<Child> {
        // SAFETY: pidfd_open takes two integers and returns a new fd, close-on-exec, or -1.
        let handle = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let handle = Errno::result(handle)?;
        let handle = i32::try_from(handle).map_err(io::Error::other)?;
        // SAFETY: the kernel has just made this fd and nothing else knows its number.
        Ok(Child { pid, handle: unsafe { OwnedFd::from_raw_fd(handle) } })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// An fd that is readable once the child has exited.
    pub(crate) fn handle(&self) -> io::Result<OwnedFd> {
        self.handle.try_clone()
    }

    pub(crate) fn kill(&self) -> io::Result<()> {
        self.signal(Signal::SIGKILL)
    }

    /// SIGABRT: ends it with a core dump, where the machine keeps those.
    pub(crate) fn abort(&self) -> io::Result<()> {
        self.signal(Signal::SIGABRT)
    }

    /// By the handle, not by the number: that may be another's once this one is reaped.
    fn signal(&self, signal: Signal) -> io::Result<()> {
        let (handle, none) = (self.handle.as_raw_fd(), std::ptr::null::<libc::siginfo_t>());
        // SAFETY: the handle is open; a null pointer stands for what kill(2) would send.
        let sent =
            unsafe { libc::syscall(libc::SYS_pidfd_send_signal, handle, signal as i32, none, 0) };
        Errno::result(sent)?;
        Ok(())
    }

    /// Ends a child that cannot be supervised, and waits for its end.
    pub(crate) fn end(&self) {
        if self.kill().is_ok() {
            // SIGKILL cannot be held off, and the child has run for no time at all.
            let _ = waitid(Id::PIDFd(self.handle.as_fd()), WaitPidFlag::WEXITED);
        }
    }

    /// Takes the status of a child that has exited; `None` while it runs.
    pub(crate) fn reap(&self) -> Option<ExitStatus> {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG;
        match waitid(Id::PIDFd(self.handle.as_fd()), flags) {
            Ok(WaitStatus::Exited(_, code)) => Some(ExitStatus::Code(code)),
            Ok(WaitStatus::Signaled(_, signal, core)) => {
                Some(ExitStatus::Signal { signal: signal as i32, core })
            }
            Ok(_) | Err(Errno::EINTR) => None,
            // Somebody else reaped it: user code that waits for any child.
            Err(_) => Some(ExitStatus::Unknown),
        }
    }
}

impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

/// The children of this process, zombies included; none where the kernel does not tell
/// (`CONFIG_PROC_CHILDREN`).
pub(crate) fn children() -> Vec<u32> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let lists =
        tasks.flatten().flat_map(|task| std::fs::read_to_string(task.path().join("children")));
    lists
        .flat_map(|list| list.split_whitespace().flat_map(str::parse).collect::<Vec<u32>>())
        .collect()
}

/// Undoes what a parent may have left: with SIGCHLD ignored, statuses of children are lost.
pub(crate) fn default_sigchld() -> io::Result<()> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default action runs no code of ours in a handler.
    unsafe { sigaction(Signal::SIGCHLD, &default)? };
    Ok(())
}

/// Names the calling thread; on the main thread that is the name of the process in ps.
///
/// Keeps `role` whole and shortens `program` to what fits.
pub(crate) fn name(program: &str, role: &str) {
    let room = COMM.saturating_sub(role.len() + 1);
    let program: String = program.chars().filter(char::is_ascii_graphic).take(room).collect();
    if let Ok(name) = CString::new(format!("{program}:{role}")) {
        // Only a pointer outside of this process could make it fail.
        let _ = prctl::set_name(&name);
    }
}

/// How many fds this process may have open.
pub(crate) fn fd_limit() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft)
}

/// Ends this process: the one place that does.
#[allow(clippy::exit)]
pub(crate) fn exit(code: u8) -> ! {
    std::process::exit(code.into())
}
