//! Process 1 of a container: a bare init that runs the real master as its child.
//!
//! Process 1 inherits every orphan and must reap it, which no user code expects of itself; so it
//! passes signals on, reaps, and ends with the master's outcome. It runs no user code.

use std::time::{Duration, Instant};

use crate::config::ExitStatus;
use crate::report;
use crate::sys::init::{Awaited, Init};
use crate::sys::process;

/// How long workers that outlive a killed master may take to leave: with process 1 everything in
/// the container ends. They hold to `drain_timeout` by themselves, which is the master's to know.
const WORKERS_LEAVE: Duration = Duration::from_secs(60);

/// The init's life, if this process is number 1: it does not return then.
pub(crate) fn run_if_process_1() {
    if process::pid() != 1 {
        return;
    }
    process::name("multi-node", "init");
    match Init::start() {
        Ok(init) => process::exit(exit_code(live(&init))),
        // As good as it gets: the master itself as process 1.
        Err(error) => report::warn!("cannot run the master below process 1: {error}"),
    }
}

/// Passes signals on and reaps until nobody is left; how the master ended.
fn live(init: &Init) -> ExitStatus {
    let mut master = None;
    let mut deadline = None;
    loop {
        let left = deadline.map(|at: Instant| at.saturating_duration_since(Instant::now()));
        match init.wait(left) {
            Awaited::Signal(signal) => init.pass_on(signal),
            Awaited::Children => {}
            Awaited::Timeout => return master.unwrap_or(ExitStatus::Unknown),
        }
        let nobody_left = init.reap(|status| {
            master = Some(status);
            deadline = Instant::now().checked_add(WORKERS_LEAVE);
        });
        if nobody_left {
            return master.unwrap_or(ExitStatus::Unknown);
        }
    }
}

/// As a shell has it: 128 and the number of the signal.
fn exit_code(status: ExitStatus) -> u8 {
    match status {
        ExitStatus::Code(code) => code as u8,
        ExitStatus::Signal { signal, .. } => 128u8.saturating_add(signal as u8),
        ExitStatus::Unknown => crate::error::EXIT_FAILURE,
    }
}
