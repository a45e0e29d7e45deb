//! Keeps a number of connections busy and counts what comes back.

use std::collections::VecDeque;
use std::io::{Write, stdin, stdout};
use std::net::SocketAddrV4;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::prctl::set_timerslack;
use nix::sys::time::TimeSpec;

use crate::connection::{Connection, Turn};
use crate::tally::Tally;

/// How long to wait for an answer while no request is due.
const LONG: Duration = Duration::from_millis(100);

/// Whether a connection serves one request or many.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// HTTP/1.1 keep-alive.
    Keep,
    /// `Connection: close`, and the server closes first.
    Close,
}

impl Reuse {
    fn request(self) -> &'static [u8] {
        match self {
            Self::Keep => b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n",
            Self::Close => b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n",
        }
    }
}

/// One thread's connections.
pub(crate) struct Client {
    address: SocketAddrV4,
    reuse: Reuse,
    epoll: Epoll,
    connections: Vec<Connection>,
}

impl Client {
    pub(crate) fn connect(
        address: SocketAddrV4,
        connections: usize,
        reuse: Reuse,
    ) -> Result<Self, String> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(no_kernel)?;
        let mut client =
            Self { address, reuse, epoll, connections: Vec::with_capacity(connections) };
        for slot in 0..connections {
            let connection = client.dial(slot)?;
            client.connections.push(connection);
        }
        Ok(client)
    }

    /// The next request goes out when the answer has come.
    pub(crate) fn closed(mut self, warm_up: Duration, measured: Duration) -> Result<(), String> {
        for slot in 0..self.connections.len() {
            self.send(slot, Instant::now())?;
        }
        self.closed_stretch(warm_up)?;
        say_and_wait("warm")?;
        let tally = self.closed_stretch(measured)?;
        say_and_wait(&tally.line())
    }

    fn closed_stretch(&mut self, length: Duration) -> Result<Tally, String> {
        let mut tally = Tally::begin();
        let mut free = Vec::new();
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.take_in(&mut tally, EpollTimeout::from(100_u8), &mut free)?;
            for slot in free.drain(..) {
                self.send(slot, Instant::now())?;
            }
        }
        Ok(tally)
    }

    /// Requests go out by the clock, `rate` a second, on whichever connection has been idle
    /// longest; those that find none idle wait, and their wait counts.
    pub(crate) fn open(
        mut self,
        rate: u64,
        warm_up: Duration,
        measured: Duration,
    ) -> Result<(), String> {
        // The default slack of 50 µs would make bunches of requests that are due one by one.
        set_timerslack(1).map_err(no_kernel)?;
        let gap = Duration::from_nanos(1_000_000_000 / rate.max(1));
        self.open_stretch(gap, warm_up)?;
        say_and_wait("warm")?;
        let tally = self.open_stretch(gap, measured)?;
        say_and_wait(&tally.line())
    }

    /// Ends when every request that was due within `length` has its answer.
    fn open_stretch(&mut self, gap: Duration, length: Duration) -> Result<Tally, String> {
        let mut tally = Tally::begin();
        let mut idle: VecDeque<usize> = (0..self.connections.len()).collect();
        let mut free = Vec::new();
        let mut due = Instant::now();
        let end = due + length;
        loop {
            while due < end.min(Instant::now())
                && let Some(slot) = idle.pop_front()
            {
                self.send(slot, due)?;
                due += gap;
            }
            if due >= end && idle.len() == self.connections.len() {
                return Ok(tally);
            }
            let pause = if due >= end || idle.is_empty() {
                LONG
            } else {
                due.saturating_duration_since(Instant::now())
            };
            self.wait_readable(pause)?;
            self.take_in(&mut tally, EpollTimeout::ZERO, &mut free)?;
            idle.extend(free.drain(..));
        }
    }

    /// Waits for the kernel once, counts what has come and names the slots that can take a
    /// request: a connection that the server closed is replaced by then.
    fn take_in(
        &mut self,
        tally: &mut Tally,
        patience: EpollTimeout,
        free: &mut Vec<usize>,
    ) -> Result<(), String> {
        let mut events = [EpollEvent::empty(); 64];
        let count = match self.epoll.wait(&mut events, patience) {
            Ok(count) => count,
            Err(Errno::EINTR) => 0,
            Err(errno) => return Err(no_kernel(errno)),
        };
        for event in &events[..count] {
            let slot = usize::try_from(event.data()).expect("slots are small");
            let connection = &mut self.connections[slot];
            match connection.readable() {
                Turn::Waiting => continue,
                Turn::Answered => {
                    tally.answered(connection.since.elapsed());
                    if self.reuse == Reuse::Close {
                        continue;
                    }
                }
                Turn::Closed { answered } => {
                    if !answered {
                        tally.failed();
                    }
                    self.connections[slot] = self.dial(slot)?;
                }
                Turn::Failed => {
                    tally.failed();
                    self.connections[slot] = self.dial(slot)?;
                }
            }
            free.push(slot);
        }
        Ok(())
    }

    fn send(&mut self, slot: usize, since: Instant) -> Result<(), String> {
        let request = self.reuse.request();
        if self.connections[slot].request(request, since).is_ok() {
            return Ok(());
        }
        // A server may close a connection that it kept; it counts as failed when it does so to a
        // request, which this one is not yet.
        self.connections[slot] = self.dial(slot)?;
        self.connections[slot].request(request, since).map_err(no_kernel)
    }

    fn dial(&self, slot: usize) -> Result<Connection, String> {
        let connection = Connection::open(self.address)
            .map_err(|errno| format!("connect {}: {}", self.address, errno.desc()))?;
        let data = u64::try_from(slot).expect("slots are small");
        self.epoll
            .add(&connection, EpollEvent::new(EpollFlags::EPOLLIN, data))
            .map_err(no_kernel)?;
        Ok(connection)
    }

    fn wait_readable(&self, patience: Duration) -> Result<(), String> {
        let mut polled = [PollFd::new(self.epoll.0.as_fd(), PollFlags::POLLIN)];
        match ppoll(&mut polled, Some(TimeSpec::from_duration(patience)), None) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(no_kernel(errno)),
        }
    }
}

/// Hands over to whoever started this process and waits for a line from it.
fn say_and_wait(line: &str) -> Result<(), String> {
    let mut answer = String::new();
    writeln!(stdout(), "{line}")
        .and_then(|()| stdin().read_line(&mut answer))
        .map(|_| ())
        .map_err(|error| error.to_string())
}

fn no_kernel(errno: Errno) -> String {
    errno.to_string()
}
