//! What a signal asks of the program.
//!
//! SIGHUP has two meanings that only its sender tells apart: "reload", from an operator or a
//! service manager, and "your terminal is gone". The second comes from the kernel when the session
//! is led by nobody who passes it on (dash, the program itself), and from the session's leader
//! when that is a shell which does (bash), once the terminal is gone. A bash that is asked to
//! `kill -HUP` the program sends it too, but has its terminal still.

use crate::signal::{Arrived, Beginning, Handled, Sender};

/// What is wished of supervision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Reload,
    Stop,
    /// One worker more.
    Grow,
    /// One worker less.
    Shrink,
}

impl Wish {
    /// What is said of it in the log.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Wish::Reload => "reload",
            Wish::Stop => "stop",
            Wish::Grow => "one worker more",
            Wish::Shrink => "one worker less",
        }
    }
}

/// What surrounds the program when a signal arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Surroundings {
    pub(crate) beginning: Beginning,
    /// This process.
    pub(crate) pid: u32,
    /// The leader of its session.
    pub(crate) leader: u32,
    /// Whether its terminal has not hung up.
    pub(crate) terminal: bool,
}

/// What `arrived` asks for; `None` for nothing.
pub(crate) fn wish(arrived: Arrived, around: &Surroundings) -> Option<Wish> {
    match arrived.signal {
        Handled::Hangup if is_hangup(arrived.sender, around) => {
            (!around.beginning.hangups_ignored).then_some(Wish::Stop)
        }
        Handled::Hangup | Handled::User2 => Some(Wish::Reload),
        Handled::Interrupt | Handled::Quit | Handled::Terminate => Some(Wish::Stop),
        Handled::TerminalInput => Some(Wish::Grow),
        Handled::TerminalOutput => Some(Wish::Shrink),
    }
}

/// Whether a SIGHUP says that the terminal is gone.
fn is_hangup(sender: Sender, around: &Surroundings) -> bool {
    match sender {
        Sender::Kernel => true,
        Sender::Process(pid) => {
            let lost = around.beginning.terminal && !around.terminal;
            lost && pid == around.leader && pid != around.pid
        }
    }
}

#[cfg(test)]
mod tests;
