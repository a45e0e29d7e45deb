use std::os::fd::AsFd;
use std::time::Duration;

use nix::libc;
use nix::sys::signal::Signal;

use super::{HANDLED, Signals, decode, encode};
use crate::signal::{Arrived, Handled, Sender};
use crate::sys::poll;
use crate::sys::process;

#[test]
fn a_record_keeps_the_signal_and_its_sender() {
    for (signal, handled) in HANDLED {
        let arrived = |sender| Arrived { signal: handled, sender };
        let kernels = decode(encode(signal, true, 0)).expect("a record");
        assert_eq!(kernels, arrived(Sender::Kernel));
        for pid in [0, 1, libc::pid_t::MAX] {
            let record = decode(encode(signal, false, pid)).expect("a record");
            assert_eq!(record, arrived(Sender::Process(pid.cast_unsigned())));
        }
    }
}

#[test]
fn a_record_of_another_signal_is_an_error() {
    decode(encode(Signal::SIGUSR1, false, 1)).expect_err("it is not handled");
}

/// One test for all that needs the handlers, which stay for the rest of the process: others would
/// read each other's signals.
#[test]
fn signals_that_arrive_are_read_in_order_and_what_crossed_an_exec_comes_first() {
    let signals = Signals::install().expect("a pipe");
    signals.next().expect_err("there was none");
    let sent = [Signal::SIGUSR2, Signal::SIGTTIN, Signal::SIGTTOU, Signal::SIGHUP];
    for signal in sent {
        nix::sys::signal::kill(nix::unistd::getpid(), signal).expect("it is us");
        // Sent to the process: another thread may take it.
        let soon = Some(Duration::from_secs(20));
        assert_eq!(poll::readable([signals.as_fd()], soon).expect("it waits"), [true]);
        assert_eq!(signals.next().expect("it arrived").sender, Sender::Process(process::pid()));
    }
    nix::sys::signal::raise(Signal::SIGTERM).expect("it is us");
    let [read, write] = signals.ends().map(|end| end.try_clone_to_owned().expect("an fd"));
    let resumed = Signals::resume(read, write, signals.beginning()).expect("handlers");
    let first = resumed.next().expect("it crossed");
    assert_eq!(first.signal, Handled::Terminate);
    assert_eq!(resumed.beginning(), signals.beginning());
}
