//! What a program printed and how it ended: the log that every wait looks at.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::deadline::Deadline;

/// Where a line was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line that a process of the program printed.
#[derive(Debug, Clone)]
pub struct Line {
    /// Where it was printed.
    pub stream: Stream,
    /// When it was read, counted from the start of the program.
    pub at: Duration,
    /// The line without its end.
    pub text: String,
}

impl Line {
    /// The value of `name=value` in this line, or `None` without such a word.
    pub fn field(&self, name: &str) -> Option<&str> {
        field(&self.text, name)
    }
}

/// The value of `name=value` among the words of `text`.
pub(crate) fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It left with this exit code.
    Code(i32),
    /// This signal killed it.
    Signal(Signal),
}

/// All that is known of a program so far.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) lines: Vec<Line>,
    /// Streams that some process still holds open.
    pub(crate) open_streams: usize,
    pub(crate) exit: Option<Exit>,
}

/// The [`State`], and a bell that rings when it changes.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    shared: Arc<(Mutex<State>, Condvar)>,
    started: Instant,
}

impl Log {
    pub(crate) fn new() -> Log {
        Log { shared: Arc::default(), started: Instant::now() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.shared.1.notify_all();
    }

    /// Collects the lines of one stream until the last process that holds it has closed it.
    pub(crate) fn collect(&self, stream: Stream, source: impl Read + Send + 'static) {
        self.change(|state| state.open_streams += 1);
        let log = self.clone();
        thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut bytes = Vec::new();
            while source.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned();
                let line = Line { stream, at: log.started.elapsed(), text };
                log.change(|state| state.lines.push(line));
                bytes.clear();
            }
            log.change(|state| state.open_streams -= 1);
        });
    }

    /// Waits until `probe` finds what it looks for; `None` when the deadline passes first.
    pub(crate) fn wait<T>(
        &self,
        deadline: Deadline,
        mut probe: impl FnMut(&State) -> Option<T>,
    ) -> Option<T> {
        let mut state = self.state();
        loop {
            if let Some(found) = probe(&state) {
                return Some(found);
            }
            if deadline.passed() {
                return None;
            }
            let waited = self.shared.1.wait_timeout(state, deadline.left());
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            let mark = match line.stream {
                Stream::Stdout => '|',
                Stream::Stderr => '!',
            };
            writeln!(f, "{:>10.3} {mark} {}", line.at.as_secs_f64(), line.text)?;
        }
        Ok(())
    }
}
