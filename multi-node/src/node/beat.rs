//! Says how this node is: that the runtime which serves is alive, and how much it has become.
//!
//! A task like any of the user's: when they keep the runtime from running it, the beats stop, and
//! that is what the master is to see. It judges nothing, never waits for the master, and takes one
//! wake-up a beat.

use std::future::{pending, poll_fn};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::accept::Tally;
use super::control::Control;
use super::life::Life;
use crate::link::control::{Pulse, ToMaster};
use crate::link::readable::Readable;
use crate::policy::health::Pace;
use crate::report;
use crate::sys::{proc, timer};

#[cfg(test)]
mod tests;

impl Pace {
    /// That of a node whose user brings the runtime that serves.
    pub(super) fn unwatched(self) -> Pace {
        Pace { beat: None, ..self }
    }

    fn every(self) -> Option<Duration> {
        self.beat.into_iter().chain(self.report).min()
    }
}

/// Says how this node is until it drains.
pub(super) async fn report(pace: Pace, control: Arc<Control>, tally: Arc<Tally>, life: Arc<Life>) {
    let say = || {
        let pulse = pulse(&tally);
        let watched = pace.beat.is_some();
        control.mention(&if watched { ToMaster::Beat(pulse) } else { ToMaster::Report(pulse) });
    };
    let mut ticks = match pace.every().map(Ticks::every).transpose() {
        Ok(ticks) => ticks,
        Err(error) => return report::warn!("cannot watch over this node: {error}"),
    };
    if ticks.is_some() {
        say();
    }
    let mut drained = std::pin::pin!(life.drained());
    let mut reached = std::pin::pin!(tally.reaches(pace.report_at.unwrap_or(u64::MAX)));
    let mut is_reached = false;
    loop {
        tokio::select! {
            () = &mut drained => return,
            ticked = next(&mut ticks) => if let Err(error) = ticked {
                return report::error!("can no longer say how this node is: {error}");
            },
            () = &mut reached, if !is_reached => is_reached = true,
        }
        say();
    }
}

/// Resolves at the next tick; never without ticks.
async fn next(ticks: &mut Option<Ticks>) -> io::Result<()> {
    match ticks {
        Some(ticks) => ticks.next().await,
        None => pending().await,
    }
}

/// The kernel's timer: that of the runtime may be the user's to pause, and when it is paused it
/// does not wait for anybody.
struct Ticks(Readable);

impl Ticks {
    fn every(period: Duration) -> io::Result<Ticks> {
        Ok(Ticks(timer::every(period).and_then(Readable::new)?))
    }

    /// Cancel-safe.
    async fn next(&mut self) -> io::Result<()> {
        // More room than a tick needs: a read that fills all of it says that there may be more.
        let mut taken = Vec::with_capacity(64);
        poll_fn(|cx| self.0.poll_read(cx, &mut taken)).await.map(drop)
    }
}

fn pulse(tally: &Tally) -> Pulse {
    Pulse { accepted: tally.accepted(), resident: proc::resident(), cpu: proc::own_cpu_time() }
}
