//! The first process of a new generation: runs the new program's file once, before anything
//! depends on it. It evaluates the options, checks that it could take over from this master, and
//! exits; after an exec there would be no way back.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::watch::{self, Control, Happening};
use crate::config::{ExitStatus, Generation, Settings};
use crate::error::EXIT_PANIC;
use crate::link::codec;
use crate::link::control::{MAX_DATAGRAM, PROTOCOL, ToMaster, ToNode};
use crate::link::readable::Readable;
use crate::report;
use crate::sys::packet;
use crate::sys::process::{Child, Image, Start};
use crate::sys::signal::signal_name;

/// A rehearsal that runs.
#[derive(Debug)]
pub(super) struct Rehearsal(Arc<Child>);

impl Rehearsal {
    /// Starts it; [`Happening::Rehearsed`] follows.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(super) fn start(
        start: &Start,
        image: &Image,
        state: OwnedFd,
        generation: Generation,
        to: mpsc::Sender<Happening>,
    ) -> io::Result<Rehearsal> {
        let (ours, theirs) = packet::packet_pair()?;
        let mut bytes = Vec::new();
        let message = ToNode::Rehearse { protocol: PROTOCOL };
        codec::encode_into(&mut bytes, &message, MAX_DATAGRAM).map_err(io::Error::other)?;
        packet::send(ours.as_fd(), &bytes, &[state.as_fd()])?;
        let control = Control::new(&ours)?;
        let (child, handle) = watch::start(start, image, theirs)?;
        let child = Arc::new(child);
        tokio::spawn(wait(control, handle, Arc::clone(&child), generation, to));
        Ok(Rehearsal(child))
    }

    /// Ends it, if it still runs.
    pub(super) fn end(self) {
        if let Err(error) = self.0.kill() {
            report::warn!("a rehearsal, pid {}: cannot be ended: {error}", self.0.pid());
        }
    }
}

async fn wait(
    control: Control,
    exit: Readable,
    child: Arc<Child>,
    generation: Generation,
    to: mpsc::Sender<Happening>,
) {
    // Only a runtime that is shut down fails here: it is over in any case.
    let _ = exit.readable().await;
    let mut said = None;
    while let Ok(Some(message)) = control.take() {
        if let (ToMaster::Rehearsed(result), _) = message {
            said = Some(result);
        }
    }
    let result = judge(said, child.reap().unwrap_or(ExitStatus::Unknown));
    // Supervision outlives its tasks: when nobody is left to tell, all is over.
    let _ = to.send(Happening::Rehearsed(generation, result)).await;
}

/// What a rehearsal that `said` something and ended so comes to.
fn judge(
    said: Option<Result<Box<Settings>, String>>,
    status: ExitStatus,
) -> Result<Box<Settings>, String> {
    match (said, status) {
        (Some(Ok(settings)), ExitStatus::Code(0)) => Ok(settings),
        (Some(Err(reason)), _) => Err(reason),
        (_, ExitStatus::Code(code)) if code == i32::from(EXIT_PANIC) => Err(format!(
            "a trial run of the program panicked (exit code {code}), in its options or before; \
             what it said is on standard error"
        )),
        (_, ExitStatus::Code(code)) => Err(format!(
            "a trial run of the program exited with code {code} and did not answer; is it a \
             multi-node program of this protocol ({PROTOCOL})?"
        )),
        (_, ExitStatus::Signal { signal, .. }) => Err(format!(
            "a trial run of the program was killed by signal {signal} {}",
            signal_name(signal)
        )),
        (_, ExitStatus::Unknown) => Err("a trial run of the program did not answer".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Option<Result<Box<Settings>, String>> {
        Some(Ok(Box::default()))
    }

    #[test]
    fn options_count_only_from_a_rehearsal_that_ended_well() {
        assert!(judge(settings(), ExitStatus::Code(0)).is_ok());
        let crashed = judge(settings(), ExitStatus::Code(3)).unwrap_err();
        assert!(crashed.contains("code 3"), "{crashed}");
        let panicked = judge(None, ExitStatus::Code(101)).unwrap_err();
        assert!(panicked.contains("panicked (exit code 101)"), "{panicked}");
        let silent = judge(None, ExitStatus::Code(0)).unwrap_err();
        assert!(silent.contains("did not answer"), "{silent}");
    }

    #[test]
    fn what_a_rehearsal_says_of_itself_is_the_reason() {
        let refused = judge(Some(Err("port=\"x\": expected a port".into())), ExitStatus::Code(78));
        assert_eq!(refused.unwrap_err(), "port=\"x\": expected a port");
        let killed = ExitStatus::Signal { signal: 9, core: false };
        assert!(judge(None, killed).unwrap_err().contains("signal 9 SIGKILL"));
    }
}
