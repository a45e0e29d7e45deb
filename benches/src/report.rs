//! What a measured process says about itself to the harness.

use std::future::poll_fn;
use std::io::Write;
use std::pin::pin;
use std::task::Poll;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::Signal;
use nix::sys::time::TimeValLike;

/// Says on stdout that this process serves: `ready <pid>`, in one write.
pub fn say_ready() {
    let line = format!("ready {}\n", std::process::id());
    // The harness may have gone already; then nobody wants to know.
    let _ = std::io::stdout().write_all(line.as_bytes());
    let _ = std::io::stdout().flush();
}

/// Runs a server's future and says `ready` once it has been polled: that is when it accepts.
pub async fn announce<F: Future>(serving: F) -> F::Output {
    let mut serving = pin!(serving);
    let first = poll_fn(|context| Poll::Ready(serving.as_mut().poll(context))).await;
    say_ready();
    match first {
        Poll::Ready(output) => output,
        Poll::Pending => serving.await,
    }
}

/// The CPU time that this process has used so far, in nanoseconds.
///
/// # Panics
///
/// Never on Linux: `getrusage` cannot fail for the calling process.
#[must_use]
pub fn cpu_nanos() -> u64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("getrusage of this process");
    let nanos = usage.user_time().num_nanoseconds() + usage.system_time().num_nanoseconds();
    u64::try_from(nanos).expect("CPU time is not negative")
}

/// Asks the kernel to kill this process when its parent dies, so that none is left behind.
///
/// # Panics
///
/// Never on Linux: the signal is a valid one.
pub fn die_with_parent() {
    set_pdeathsig(Signal::SIGKILL).expect("a valid signal");
}
