//! What became of the requests of a load.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::ops::Deref;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

/// What became of the requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answered with 200 by a node, with the number that was asked.
    pub ok: usize,
    /// The connection was refused.
    pub refused: usize,
    /// The connection was reset, or closed before the whole answer.
    pub reset: usize,
    /// No answer in 20 s.
    pub timeout: usize,
    /// Another answer than asked for.
    pub wrong: usize,
    /// The server closed a kept connection on which the client had been silent for most of the
    /// grace of a second that a draining server gives: a client that is this slow tries again.
    pub stale: usize,
    /// The longest that an answer took, connecting included.
    pub slowest: Duration,
    /// The answers of each process.
    pub by_process: BTreeMap<Pid, usize>,
    /// When the last request was sent that was answered so: the answers' words, less the number.
    pub last_asked: BTreeMap<String, Instant>,
    /// Every request that was not answered as it should be, the stale ones too.
    pub failures: Failures,
}

/// Failed requests, of which the first few are shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Failures(Vec<Failure>);

impl Failures {
    pub(super) fn push(&mut self, failure: Failure) {
        self.0.push(failure);
    }
}

impl Deref for Failures {
    type Target = [Failure];

    fn deref(&self) -> &[Failure] {
        &self.0
    }
}

impl fmt::Debug for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        write!(f, "{} in all, the first: {:?}", self.0.len(), &self.0[..self.0.len().min(SHOWN)])
    }
}

impl Counts {
    /// Requests that a client would call failed.
    pub fn failed(&self) -> usize {
        self.refused + self.reset + self.timeout + self.wrong
    }
}

/// A request that was not answered as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// In which way.
    pub outcome: Outcome,
    /// The client's port; 0 when nobody could be reached.
    pub port: u16,
    /// Before its connection was made.
    pub dialled: Instant,
    /// When it was known to have failed.
    pub failed: Instant,
}

/// How a request can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The connection was refused.
    Refused,
    /// The connection was reset.
    Reset,
    /// The connection was closed before the whole answer; on a kept connection too, where a
    /// client could ask again.
    Closed,
    /// No answer in 20 s.
    Timeout,
    /// Another answer than asked for.
    Wrong,
}

impl Outcome {
    /// What an error of a client says.
    pub(super) fn of(error: ErrorKind) -> Outcome {
        match error {
            ErrorKind::ConnectionRefused => Outcome::Refused,
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Outcome::Reset,
            ErrorKind::UnexpectedEof => Outcome::Closed,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Outcome::Timeout,
            _ => Outcome::Wrong,
        }
    }
}
