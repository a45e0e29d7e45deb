//! Siblings' sockets and one alarm behind a single fd, so that a whole watch costs a runtime one
//! registration.
//!
//! A nested epoll. A socket reports once and is silent until it is armed again, so that a busy
//! sibling does not wake its watchers for every connection. Never blocks, never ticks.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, TimerSetTimeFlags};
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};

#[cfg(test)]
mod tests;

/// What a [`Watch`] reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The socket that was added under this token can be read; it is silent now.
    Fired(u32),
    /// The alarm went off; it is unset now.
    Alarm,
}

/// The nested epoll with its timer.
#[derive(Debug)]
pub(crate) struct Watch {
    epoll: Epoll,
    timer: TimerFd,
}

impl Watch {
    /// A watch on nothing, with its alarm unset.
    ///
    /// # Errors
    /// When the process has no fd left (it needs two).
    pub(crate) fn new() -> io::Result<Watch> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, ALARM))?;
        Ok(Watch { epoll, timer })
    }

    /// Watches one more socket, armed.
    pub(crate) fn add(&self, socket: BorrowedFd<'_>, token: u32) -> io::Result<()> {
        Ok(self.epoll.add(socket, once(token))?)
    }

    /// Lets a socket report again: at once, if it can be read now.
    pub(crate) fn arm(&self, socket: BorrowedFd<'_>, token: u32) -> io::Result<()> {
        Ok(self.epoll.modify(socket, &mut once(token))?)
    }

    /// Stops watching a socket. Needed before it is closed, since other processes hold it too.
    pub(crate) fn remove(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        Ok(self.epoll.delete(socket)?)
    }

    /// Sets the alarm to go off `after` this long; `None` unsets it.
    pub(crate) fn set_alarm(&self, after: Option<Duration>) -> io::Result<()> {
        let Some(after) = after else {
            return Ok(self.timer.unset()?);
        };
        // Zero would unset it.
        let spec = TimeSpec::from(after.max(Duration::from_nanos(1)));
        Ok(self.timer.set(Expiration::OneShot(spec), TimerSetTimeFlags::empty())?)
    }

    /// Appends what has happened since the last call.
    pub(crate) fn take_events(&self, events: &mut Vec<Event>) -> io::Result<()> {
        let mut buffer = [EpollEvent::empty(); 16];
        loop {
            let count = self.epoll.wait(&mut buffer, EpollTimeout::ZERO)?;
            for event in &buffer[..count] {
                events.push(match u32::try_from(event.data()) {
                    Ok(token) => Event::Fired(token),
                    Err(_) => {
                        self.timer.unset()?;
                        Event::Alarm
                    }
                });
            }
            if count < buffer.len() {
                return Ok(());
            }
        }
    }
}

impl AsFd for Watch {
    /// Readable when [`take_events`](Watch::take_events) has something to report.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

/// Whether any of these can be read right now. A socket that does not listen cannot.
pub(crate) fn any_readable(sockets: [BorrowedFd<'_>; 2]) -> bool {
    let mut polled = sockets.map(|socket| PollFd::new(socket, PollFlags::POLLIN));
    // On failure nothing is known to be readable; the caller looks again.
    let _ = poll(&mut polled, PollTimeout::ZERO);
    let readable =
        |fd: &PollFd<'_>| fd.revents().is_some_and(|ready| ready.contains(PollFlags::POLLIN));
    polled.iter().any(readable)
}

fn once(token: u32) -> EpollEvent {
    EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, u64::from(token))
}

/// The timer's token: no `u32`.
const ALARM: u64 = u64::MAX;
