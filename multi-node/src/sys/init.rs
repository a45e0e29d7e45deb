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

use super::signal::hangups_are_ignored;
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
    hangups_ignored: bool,
}

impl Init {
    /// Starts this program again, as the master, and holds back the signals that are waited for.
    ///
    /// # Errors
    /// As fork(2) and execve(2).
    pub(crate) fn start() -> io::Result<Init> {
        let hangups_ignored = hangups_are_ignored()?;
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
        Ok(Init { master: Pid::from_raw(master.id().cast_signed()), signals, hangups_ignored })
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
        // SAFETY: all three pointers are to live values of the types that the call takes.
        let taken =
            unsafe { libc::sigtimedwait(self.signals.as_ref(), info.as_mut_ptr(), &timeout) };
        match Errno::result(taken).map(Signal::try_from) {
            Ok(Ok(signal)) => {
                // SAFETY: the call succeeded, so it has written `info`.
                let by_kernel = unsafe { info.assume_init() }.si_code > 0;
                match meant_for_master(signal, by_kernel, self.hangups_ignored) {
                    Some(signal) => Awaited::Signal(signal),
                    None => Awaited::Children,
                }
            }
            Ok(Err(_)) | Err(Errno::EINTR) => Awaited::Children,
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

/// What to pass on of a signal; `None` for nothing.
///
/// Passed on, it comes from a process, so what the kernel means by it is said by another: that the
/// terminal is gone, by a stop. That a job in the background reads its terminal is for that job.
fn meant_for_master(signal: Signal, by_kernel: bool, hangups_ignored: bool) -> Option<Signal> {
    match signal {
        Signal::SIGCHLD => None,
        Signal::SIGHUP if by_kernel => (!hangups_ignored).then_some(Signal::SIGTERM),
        Signal::SIGTTIN | Signal::SIGTTOU if by_kernel => None,
        signal => Some(signal),
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::Signal;

    use super::{PASSED_ON, meant_for_master};

    #[test]
    fn what_a_process_sends_is_passed_on_as_it_is() {
        for signal in PASSED_ON {
            assert_eq!(meant_for_master(signal, false, false), Some(signal));
            assert_eq!(meant_for_master(signal, false, true), Some(signal));
        }
    }

    #[test]
    fn a_terminal_that_closes_is_a_stop_unless_hangups_were_ignored() {
        assert_eq!(meant_for_master(Signal::SIGHUP, true, false), Some(Signal::SIGTERM));
        assert_eq!(meant_for_master(Signal::SIGHUP, true, true), None);
    }

    #[test]
    fn what_a_terminal_says_of_a_job_is_kept() {
        assert_eq!(meant_for_master(Signal::SIGTTIN, true, false), None);
        assert_eq!(meant_for_master(Signal::SIGTTOU, true, false), None);
    }
}
