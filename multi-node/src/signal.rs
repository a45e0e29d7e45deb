//! A signal that arrived, as plain values: which, from whom, and what the program found when it
//! started. What it means is for [`policy`](crate::policy) to say.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A signal that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrived {
    pub(crate) signal: Handled,
    pub(crate) sender: Sender,
}

/// What every node handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handled {
    Hangup,
    Interrupt,
    Quit,
    Terminate,
    User2,
    TerminalInput,
    TerminalOutput,
}

/// Who sent a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// The kernel itself: a terminal that closed.
    Kernel,
    /// The process with this number; 0 for one outside of this process's pid namespace.
    Process(u32),
}

/// What the program found when it was started, however often it replaced itself since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Beginning {
    /// Whether SIGHUP was ignored, as nohup(1) has it.
    pub(crate) hangups_ignored: bool,
    /// Whether it was started from a terminal.
    pub(crate) terminal: bool,
}

impl fmt::Display for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.signal {
            Handled::Hangup => "SIGHUP",
            Handled::Interrupt => "SIGINT",
            Handled::Quit => "SIGQUIT",
            Handled::Terminate => "SIGTERM",
            Handled::User2 => "SIGUSR2",
            Handled::TerminalInput => "SIGTTIN",
            Handled::TerminalOutput => "SIGTTOU",
        };
        match self.sender {
            Sender::Kernel => write!(f, "{name} from the kernel"),
            Sender::Process(pid) => write!(f, "{name} from process {pid}"),
        }
    }
}
