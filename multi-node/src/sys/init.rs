//! What process 1 does: start one child, wait for signals, reap whoever ended.

use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::config::ExitStatus;

/// What is passed on to the master.
const PASSED_ON: [Signal; 8] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

/// What ended a wait.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Awaited {
    Signal(Signal),
    /// Some child ended.
    Children,
    Timeout,
}

/// The one child of process 1 that matters.
#[derive(Debug)]
pub(crate) struct Init {
    master: Pid,
    signals: SigSet,
}

impl Init {
    /// Starts this program again, as the master, and holds back the signals that are waited for.
    ///
    /// # Errors
    /// As fork(2) and execve(2).
    pub(crate) fn start() -> io::Result<Init> {
        let mut args = std::env::args_os();
        let mut command = Command::new("/proc/self/exe");
        if let Some(name) = args.next() {
            command.arg0(name);
        }
        // Before the signals are held back, which a child would inherit. One that comes before is
        // as lost as it would be to any process 1 without a handler.
        let master = command.args(args).spawn()?;
        let mut signals = SigSet::from_iter(PASSED_ON);
        signals.add(Signal::SIGCHLD);
        signals.thread_block()?;
        Ok(Init { master: Pid::from_raw(master.id().cast_signed()), signals })
    }

    /// Waits for a signal or an ended child; `None` waits without end.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Awaited {
        // A year is without end, and in range.
        let timeout = timeout.unwrap_or(Duration::from_secs(365 * 24 * 60 * 60));
        let timeout = libc::timespec {
            tv_sec: timeout.as_secs() as libc::time_t,
            tv_nsec: timeout.subsec_nanos().into(),
        };
        let mut info = MaybeUninit::<libc::siginfo_t>::uninit();
        // SAFETY: all three pointers are to live values of the types that the call takes; `info`
        // is written and never read.
        let taken =
            unsafe { libc::sigtimedwait(self.signals.as_ref(), info.as_mut_ptr(), &timeout) };
        match Errno::result(taken).map(Signal::try_from) {
            Ok(Ok(Signal::SIGCHLD) | Err(_)) | Err(Errno::EINTR) => Awaited::Children,
            Ok(Ok(signal)) => Awaited::Signal(signal),
            Err(_) => Awaited::Timeout,
        }
    }

    pub(crate) fn pass_on(&self, signal: Signal) {
        // It may have ended just now, which the next turn finds out.
        let _ = kill(self.master, signal);
    }

    /// Reaps all who have ended, and tells how the master did; whether no child is left.
    pub(crate) fn reap(&self, mut master_ended: impl FnMut(ExitStatus)) -> bool {
        loop {
            let (pid, status) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, ExitStatus::Code(code)),
                Ok(WaitStatus::Signaled(pid, signal, core)) => {
                    (pid, ExitStatus::Signal { signal: signal as i32, core })
                }
                Err(Errno::ECHILD) => return true,
                Ok(_) | Err(_) => return false,
            };
            if pid == self.master {
                master_ended(status);
            }
        }
    }
}
