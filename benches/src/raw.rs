//! Two processes that exchange bytes, with nothing encoded or decoded: what the kernel and the
//! memory allow, and what carries bytes alone.
//!
//! As in `talk` the lead measures. A message has the size of a [`Packet`](crate::Packet)'s text,
//! and begins with a [`Head`].

use std::hint::spin_loop;
use std::thread;
use std::time::Instant;

use crate::task::{PAUSE, WINDOW};
use crate::{Kind, Task, cpu_nanos, say_rate, say_trips};

/// The first 16 bytes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Counts up from 0; [`u64::MAX`] in the last message.
    pub sequence: u64,
    /// CPU time that the sender of the last message spent, in nanoseconds.
    pub cpu_nanos: u64,
}

/// What carries messages of one size to one other process and back.
pub trait RawLink {
    /// Sends one; it may wait with others until [`flush`](RawLink::flush).
    ///
    /// # Errors
    ///
    /// When the other process is gone.
    fn send(&mut self, message: &[u8]) -> Result<(), String>;

    /// Has the other process see all that was sent.
    ///
    /// # Errors
    ///
    /// When the other process is gone.
    fn flush(&mut self) -> Result<(), String>;

    /// Receives the next one, all of it.
    ///
    /// # Errors
    ///
    /// When the other process is gone.
    fn recv(&mut self) -> Result<Head, String>;
}

/// What a side that never sleeps does until there is something to do.
#[derive(Debug, Default)]
pub struct Spin(u32);

impl Spin {
    /// Looks that come before others are let run: some 20 µs. Where there is a CPU for each side it
    /// makes no difference; where there is none, both would wait for the other's time to be over.
    const LOOKS: u32 = 1024;

    /// Between one look and the next.
    pub fn again(&mut self) {
        self.0 = (self.0 + 1) % Self::LOOKS;
        if self.0 == 0 {
            thread::yield_now();
        } else {
            spin_loop();
        }
    }
}

impl Head {
    const BYTES: usize = 16;
    const LAST: u64 = u64::MAX;

    /// Of a message.
    ///
    /// # Panics
    ///
    /// When that has fewer than 16 bytes.
    #[must_use]
    pub fn of(message: &[u8]) -> Self {
        let word = |at: usize| {
            u64::from_le_bytes(message[at..at + 8].try_into().expect("eight bytes are eight"))
        };
        Self { sequence: word(0), cpu_nanos: word(8) }
    }

    fn put(self, message: &mut [u8]) {
        message[..8].copy_from_slice(&self.sequence.to_le_bytes());
        message[8..Self::BYTES].copy_from_slice(&self.cpu_nanos.to_le_bytes());
    }

    fn last(before: u64) -> Self {
        Self { sequence: Self::LAST, cpu_nanos: cpu_nanos() - before }
    }
}

fn message(task: &Task) -> Vec<u8> {
    vec![0; task.size().max(Head::BYTES)]
}

/// The end that measures.
///
/// # Errors
///
/// When the link fails, or the task is not one for two.
pub fn lead_raw(link: &mut impl RawLink, task: &Task) -> Result<(), String> {
    match task.kind {
        Kind::Rate => receive_all(link, task),
        Kind::Trip | Kind::Lone => measure_trips(link, task),
        Kind::Pipeline => keep_under_way(link, task),
        Kind::AllToAll | Kind::OneToAll => Err("this one is for more than two".to_owned()),
    }
}

/// The other end; then it waits to be ended, for what it sent last may still be on its way.
///
/// # Errors
///
/// When the link fails.
pub fn follow_raw(link: &mut impl RawLink, task: &Task) -> Result<(), String> {
    match task.kind {
        Kind::Rate => send_all(link, task)?,
        _ => send_back(link, task)?,
    }
    link.recv().map(drop)
}

fn post(link: &mut impl RawLink, message: &[u8]) -> Result<(), String> {
    link.send(message)?;
    link.flush()
}

fn receive_all(link: &mut impl RawLink, task: &Task) -> Result<(), String> {
    post(link, &message(task))?;
    let (began, before) = (Instant::now(), cpu_nanos());
    let mut count = 0;
    loop {
        let head = link.recv()?;
        if head.sequence == Head::LAST {
            say_rate(count, began.elapsed(), cpu_nanos() - before + head.cpu_nanos);
            return Ok(());
        }
        assert_eq!(head.sequence, count, "in order, none lost");
        count += 1;
    }
}

fn send_all(link: &mut impl RawLink, task: &Task) -> Result<(), String> {
    link.recv()?;
    let before = cpu_nanos();
    let end = Instant::now() + task.length;
    let mut head = Head { sequence: 0, cpu_nanos: 0 };
    let mut message = message(task);
    while Instant::now() < end {
        for _ in 0..task.batch() {
            head.put(&mut message);
            link.send(&message)?;
            head.sequence += 1;
        }
    }
    link.flush()?;
    Head::last(before).put(&mut message);
    post(link, &message)
}

fn measure_trips(link: &mut impl RawLink, task: &Task) -> Result<(), String> {
    let ping = message(task);
    let mut trips = Vec::with_capacity(1 << 20);
    let before = cpu_nanos();
    let end = Instant::now() + task.length;
    while Instant::now() < end {
        if task.kind == Kind::Lone {
            thread::sleep(PAUSE);
        }
        let sent = Instant::now();
        post(link, &ping)?;
        link.recv()?;
        trips.push(sent.elapsed());
    }
    let others = end_of_other(link, task)?;
    say_trips(trips, cpu_nanos() - before + others);
    Ok(())
}

fn keep_under_way(link: &mut impl RawLink, task: &Task) -> Result<(), String> {
    let ping = message(task);
    let (began, before) = (Instant::now(), cpu_nanos());
    let end = began + task.length;
    for _ in 0..WINDOW {
        link.send(&ping)?;
    }
    link.flush()?;
    let mut count = 0;
    while Instant::now() < end {
        for _ in 0..WINDOW {
            link.recv()?;
            post(link, &ping)?;
            count += 1;
        }
    }
    let elapsed = began.elapsed();
    for _ in 0..WINDOW {
        link.recv()?;
    }
    let others = end_of_other(link, task)?;
    say_rate(count, elapsed, cpu_nanos() - before + others);
    Ok(())
}

/// Tells the other end that it is over; the CPU time that it spent.
fn end_of_other(link: &mut impl RawLink, task: &Task) -> Result<u64, String> {
    let mut message = message(task);
    Head { sequence: Head::LAST, cpu_nanos: 0 }.put(&mut message);
    post(link, &message)?;
    Ok(link.recv()?.cpu_nanos)
}

fn send_back(link: &mut impl RawLink, task: &Task) -> Result<(), String> {
    let mut message = message(task);
    let mut head = link.recv()?;
    let before = cpu_nanos();
    while head.sequence != Head::LAST {
        head.put(&mut message);
        post(link, &message)?;
        head = link.recv()?;
    }
    Head::last(before).put(&mut message);
    post(link, &message)
}
