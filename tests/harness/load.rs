//! Clients that ask all the time, and count what becomes of it.
//!
//! Every request has a number, and only an answer that says `request=<number>` beside the node's
//! words is right. No request is asked twice: a kept connection that the server closed while a
//! request was on its way is a failure. Only one that was found closed before anything was asked
//! on it is replaced, as any client does.

mod counts;

use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use counts::{Counts, Failure, Failures, Outcome};

use super::deadline::Deadline;
use super::http::{HttpClient, Response};
use super::output::field;
use super::who::Who;

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
    /// From one request of a client to its next; `None`: as soon as it is answered.
    interval: Option<Duration>,
    stopped: Mutex<bool>,
    stopping: Condvar,
    asked: AtomicU64,
    counts: Mutex<Counts>,
    counted: Condvar,
}

/// A connection that the server keeps.
#[derive(Debug)]
struct Kept {
    client: HttpClient,
    dialled: Instant,
    /// When the last answer came.
    since: Instant,
}

impl Load {
    /// Starts clients on threads of their own: `short` that connect for every request, `kept`
    /// that keep their connection. They ask as fast as they are answered; one that is refused
    /// leaves.
    pub fn start(addr: SocketAddr, short: usize, kept: usize) -> Load {
        Load::launch(addr, short, kept, None)
    }

    /// Starts clients that send `rate` requests a second together, whatever becomes of them: one
    /// that is refused goes on. One whose answer is late sends its next request when it is there,
    /// and makes up for nothing.
    pub fn steady(addr: SocketAddr, short: usize, kept: usize, rate: u32) -> Load {
        let clients = u32::try_from(short + kept).expect("every client is a thread");
        Load::launch(addr, short, kept, Some(Duration::from_secs(1) * clients / rate))
    }

    fn launch(addr: SocketAddr, short: usize, kept: usize, interval: Option<Duration>) -> Load {
        let shared = Arc::new(Shared {
            addr,
            interval,
            stopped: Mutex::new(false),
            stopping: Condvar::new(),
            asked: AtomicU64::new(0),
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
        let mut counts = self.shared.counts();
        let goal = counts.ok + more;
        while counts.ok < goal {
            assert!(!deadline.passed(), "too few answers: {counts:?}");
            let waited = self.shared.counted.wait_timeout(counts, deadline.left());
            counts = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.shared.counts().clone()
    }

    /// Stops the clients and returns what they counted.
    pub fn stop(self) -> Counts {
        *self.shared.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.stopping.notify_all();
        self.until_refused()
    }

    /// Stops the clients, none of whose requests may have failed.
    #[track_caller]
    pub fn stop_without_loss(self) -> Counts {
        let counts = self.stop();
        assert_eq!(counts.failed(), 0, "{counts:?}");
        counts
    }

    /// Waits until every client was refused and returns what they counted.
    pub fn until_refused(self) -> Counts {
        for client in self.clients {
            client.join().expect("a client panicked");
        }
        self.shared.counts().clone()
    }
}

impl Shared {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect_for_each(&self) {
        let mut due = Instant::now();
        while self.is_due(&mut due) {
            let number = self.asked.fetch_add(1, Ordering::Relaxed);
            let dialled = Instant::now();
            let (port, answer) = match HttpClient::connect(self.addr) {
                Ok(mut client) => (client.port(), client.get_once(&path(number))),
                Err(error) => (0, Err(error)),
            };
            if self.count(number, [dialled; 2], port, answer).is_break() {
                return;
            }
        }
    }

    fn keep_connection(&self) {
        let mut kept: Option<Kept> = None;
        let mut due = Instant::now();
        while self.is_due(&mut due) {
            let number = self.asked.fetch_add(1, Ordering::Relaxed);
            let asked = Instant::now();
            let reused = kept.take().filter(|kept| !kept.client.is_closed());
            let silent = reused.as_ref().is_some_and(|kept| kept.since.elapsed() > SILENCE);
            let dialled = reused.as_ref().map_or(asked, |kept| kept.dialled);
            let client =
                reused.map_or_else(|| HttpClient::connect(self.addr), |kept| Ok(kept.client));
            let (port, client, answer) = match client {
                Ok(client) => ask(client, &path(number)),
                Err(error) => (0, None, Err(error)),
            };
            if silent && let Err(error) = &answer {
                self.counts().stale += 1;
                self.fail(Outcome::of(error.kind()), port, dialled);
                continue;
            }
            if self.count(number, [dialled, asked], port, answer).is_break() {
                return;
            }
            kept = client.map(|client| Kept { client, dialled, since: Instant::now() });
        }
    }

    /// Waits until the next request is to be sent; false once the load is to stop.
    fn is_due(&self, due: &mut Instant) -> bool {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(interval) = self.interval else {
            return !*stopped;
        };
        while !*stopped {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                *due = (*due + interval).max(Instant::now());
                return true;
            }
            let waited = self.stopping.wait_timeout(stopped, left);
            stopped = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// Counts an answer; breaks when the client is to leave.
    fn count(
        &self,
        number: u64,
        [dialled, asked]: [Instant; 2],
        port: u16,
        answer: io::Result<Response>,
    ) -> ControlFlow<()> {
        let outcome = match answer.map(|response| words(&response, number)) {
            Ok(Some((who, words))) => {
                let mut counts = self.counts();
                counts.ok += 1;
                counts.slowest = counts.slowest.max(asked.elapsed());
                *counts.by_process.entry(who.pid).or_default() += 1;
                let last = counts.last_asked.entry(words).or_insert(asked);
                *last = asked.max(*last);
                drop(counts);
                self.counted.notify_all();
                return ControlFlow::Continue(());
            }
            Ok(None) => Outcome::Wrong,
            Err(error) => Outcome::of(error.kind()),
        };
        let mut counts = self.counts();
        match outcome {
            Outcome::Refused => counts.refused += 1,
            Outcome::Reset | Outcome::Closed => counts.reset += 1,
            Outcome::Timeout => counts.timeout += 1,
            Outcome::Wrong => counts.wrong += 1,
        }
        drop(counts);
        self.fail(outcome, port, dialled);
        if outcome == Outcome::Refused && self.interval.is_none() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn fail(&self, outcome: Outcome, port: u16, dialled: Instant) {
        let failure = Failure { outcome, port, dialled, failed: Instant::now() };
        self.counts().failures.push(failure);
    }
}

fn path(number: u64) -> String {
    format!("/?request={number}")
}

/// The node that gave this answer and all its words but the number; `None` when it is not the
/// answer to request `number`.
fn words(response: &Response, number: u64) -> Option<(Who, String)> {
    let who = Who::parse(&response.body)?;
    let asked: u64 = field(&response.body, "request")?.parse().ok()?;
    let (words, _) = response.body.split_once(" request=")?;
    (response.status == 200 && asked == number).then(|| (who, words.to_owned()))
}

/// Asks on a connection that is kept; it comes back while it can be used again.
fn ask(mut client: HttpClient, path: &str) -> (u16, Option<HttpClient>, io::Result<Response>) {
    let port = client.port();
    let answer = client.get(path);
    let usable = answer.as_ref().is_ok_and(|response| !response.close);
    (port, usable.then_some(client), answer)
}
