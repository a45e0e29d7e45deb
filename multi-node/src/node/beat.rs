//! Says, from the runtime that serves, that it is alive.
//!
//! A task like any of the user's: when they keep the runtime from running it, the beats stop, and
//! that is what the master is to see. It judges nothing, never waits for the master, and takes one
//! wake-up a beat.

use std::future::{pending, poll_fn};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::accept::Acceptor;
use super::control::Control;
use super::life::Life;
use crate::link::control::{Pulse, ToMaster};
use crate::link::readable::Readable;
use crate::report;
use crate::sys::{proc, timer};

/// When a node is to beat, as its welcome said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) every: Option<Duration>,
    /// Once more when so many connections were accepted.
    pub(super) at: Option<u64>,
}

/// Beats until this node drains.
pub(super) async fn beat(pace: Pace, control: Arc<Control>, acceptor: Acceptor, life: Arc<Life>) {
    // The kernel's timer, since the runtime's may be paused by the user's tests.
    let ticks = pace.every.map(|period| timer::every(period).and_then(Readable::new)).transpose();
    let mut ticks = match ticks {
        Ok(ticks) => ticks,
        Err(error) => {
            report::warn!("cannot watch whether this node hangs: {error}");
            return;
        }
    };
    if ticks.is_some() {
        control.mention(&ToMaster::Beat(pulse(&acceptor)));
    }
    let mut reached = std::pin::pin!(acceptor.accepted_so_many(pace.at));
    let mut is_reached = false;
    let mut drained = std::pin::pin!(life.drained());
    loop {
        tokio::select! {
            () = &mut drained => return,
            ticked = tick(&mut ticks) => if let Err(error) = ticked {
                report::error!("can no longer tell the master that this node is alive: {error}");
                return;
            },
            () = &mut reached, if !is_reached => is_reached = true,
        }
        control.mention(&ToMaster::Beat(pulse(&acceptor)));
    }
}

/// Resolves at the next tick; never without ticks.
async fn tick(ticks: &mut Option<Readable>) -> io::Result<()> {
    let Some(ticks) = ticks else {
        return pending().await;
    };
    // Room for more than a tick has: a read that fills all of it says that there may be more.
    let mut taken = Vec::with_capacity(64);
    poll_fn(|cx| ticks.poll_read(cx, &mut taken)).await.map(drop)
}

fn pulse(acceptor: &Acceptor) -> Pulse {
    Pulse {
        accepted: acceptor.accepted(),
        open: acceptor.open() as u64,
        resident: proc::resident(),
        cpu: proc::own_cpu_time(),
    }
}
