//! Clients that ask all the time, and count what becomes of it.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use super::deadline::Deadline;
use super::http::{HttpClient, Response};
use super::who::Who;

/// What became of the requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answered with 200 by a node.
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
    /// The answers of each process.
    pub by_process: BTreeMap<Pid, usize>,
}

impl Counts {
    /// Requests that a client would call failed.
    pub fn failed(&self) -> usize {
        self.refused + self.reset + self.timeout + self.wrong
    }
}

/// Half of the grace of a draining server: a client that was silent for longer was held up by a
/// busy machine, and cannot hold the server to it.
const SILENCE: Duration = Duration::from_millis(500);

/// Clients that run until they are stopped, or until they are refused.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    addr: SocketAddr,
    stop: AtomicBool,
    counts: Mutex<Counts>,
    counted: Condvar,
}

impl Load {
    /// Starts clients on threads of their own: `short` that connect for every request, `kept`
    /// that keep their connection.
    pub fn start(addr: SocketAddr, short: usize, kept: usize) -> Load {
        let shared = Arc::new(Shared {
            addr,
            stop: AtomicBool::new(false),
            counts: Mutex::default(),
            counted: Condvar::new(),
        });
        let client = |run: fn(&Shared)| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || run(&shared))
        };
        let short = (0..short).map(|_| client(Shared::connect_for_each));
        let kept = (0..kept).map(|_| client(Shared::keep_connection));
        let clients = short.chain(kept).collect();
        Load { shared, clients }
    }

    /// Waits until `more` requests were answered from now on.
    #[track_caller]
    pub fn wait_for_ok(&self, more: usize, deadline: Deadline) {
        let mut counts = self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let goal = counts.ok + more;
        while counts.ok < goal {
            assert!(!deadline.passed(), "too few answers: {counts:?}");
            let waited = self.shared.counted.wait_timeout(counts, deadline.left());
            counts = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops the clients and returns what they counted.
    pub fn stop(self) -> Counts {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.until_refused()
    }

    /// Waits until every client was refused and returns what they counted.
    pub fn until_refused(self) -> Counts {
        for client in self.clients {
            client.join().expect("a client panicked");
        }
        self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    fn connect_for_each(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let answer = HttpClient::connect(self.addr).and_then(|mut client| client.get_once("/"));
            if self.count(answer).is_break() {
                return;
            }
        }
    }

    fn keep_connection(&self) {
        let mut kept: Option<(HttpClient, Instant)> = None;
        while !self.stop.load(Ordering::Relaxed) {
            let reused = kept.take();
            let since = reused.as_ref().map(|(_, since)| *since);
            let (client, answer) = match reused {
                Some((client, _)) => ask(client),
                None => match HttpClient::connect(self.addr) {
                    Ok(client) => ask(client),
                    Err(error) => (None, Err(error)),
                },
            };
            if answer.is_err() && since.is_some_and(|since| since.elapsed() > SILENCE) {
                self.counts.lock().unwrap_or_else(PoisonError::into_inner).stale += 1;
                continue;
            }
            if self.count(answer).is_break() {
                return;
            }
            kept = client.map(|client| (client, Instant::now()));
        }
    }

    /// Counts an answer; breaks when there is nobody to ask any more.
    fn count(&self, answer: io::Result<Response>) -> std::ops::ControlFlow<()> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut refused = false;
        match answer {
            Ok(response) => match Who::parse(&response.body) {
                Some(who) if response.status == 200 => {
                    counts.ok += 1;
                    *counts.by_process.entry(who.pid).or_default() += 1;
                }
                _ => counts.wrong += 1,
            },
            Err(error) => match error.kind() {
                ErrorKind::ConnectionRefused => {
                    counts.refused += 1;
                    refused = true;
                }
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
                    counts.reset += 1;
                }
                ErrorKind::TimedOut | ErrorKind::WouldBlock => counts.timeout += 1,
                _ => counts.wrong += 1,
            },
        }
        drop(counts);
        self.counted.notify_all();
        if refused { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
    }
}

/// Asks on a kept connection; the connection comes back while it can be used again.
fn ask(mut client: HttpClient) -> (Option<HttpClient>, io::Result<Response>) {
    let answer = client.get("/");
    let usable = answer.as_ref().is_ok_and(|response| !response.close);
    (usable.then_some(client), answer)
}
