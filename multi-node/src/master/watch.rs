//! What a node's process says and how it ends, in the order in which it happened: one task a
//! process, which reads its control socket and waits for its exit.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use tokio::sync::mpsc;

use crate::config::{Generation, NodeId, Settings};
use crate::link::codec;
use crate::link::control::{Ended, MAX_DATAGRAM, ToMaster};
use crate::link::readable::Readable;
use crate::report;
use crate::sys::packet;
use crate::sys::process::{Child, Image, Start};

/// What happened to a node.
#[derive(Debug)]
pub(super) enum Happening {
    /// With the fds that came.
    Said(NodeId, ToMaster, Vec<OwnedFd>),
    /// Its process can be reaped; everything that it said came before.
    Exited(NodeId),
    /// A rehearsal of the program for this generation is over: its options, or why it failed.
    Rehearsed(Generation, Result<Box<Settings>, String>),
}

/// Starts a process; the second is readable when it has exited.
///
/// # Errors
/// When it cannot be started or watched; then nothing is left of it.
pub(super) fn start(
    start: &Start,
    image: &Image,
    control: OwnedFd,
) -> io::Result<(Child, Readable)> {
    let child = start.spawn(image, control)?;
    let exit = child.handle().and_then(Readable::new);
    let exit = exit.inspect_err(|_| child.end())?;
    Ok((child, exit))
}

/// Watches the master's own node, whose process is this one. One that could not even be started
/// lets go of its control socket without a word.
pub(super) async fn own_node(node: NodeId, control: Control, to: mpsc::Sender<Happening>) {
    listen(node, &control, &to).await;
    // As in `worker`.
    let _ = to.send(Happening::Said(node, ToMaster::Ended(Ended::Failed), Vec::new())).await;
}

/// Watches a worker until it has exited; `handle` is readable then.
pub(super) async fn worker(
    node: NodeId,
    control: Control,
    handle: Readable,
    to: mpsc::Sender<Happening>,
) {
    let listening = async {
        listen(node, &control, &to).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = listening => {}
        // Only a runtime that is shut down fails here: it is over in any case.
        _ = handle.readable() => {}
    }
    while let Ok(room) = to.reserve().await
        && let Ok(Some((message, fds))) = control.take()
    {
        room.send(Happening::Said(node, message, fds));
    }
    // Supervision outlives its tasks: when nobody is left to tell, all is over.
    let _ = to.send(Happening::Exited(node)).await;
}

/// Passes on what `control` brings, to its end. Cancel-safe: nothing is taken off the socket before
/// there is room for it, and what is not told yet still stands there when this process's program is
/// replaced.
async fn listen(node: NodeId, control: &Control, to: &mpsc::Sender<Happening>) {
    loop {
        let ready = control.ready.readable().await;
        // As in `worker`.
        let Ok(room) = to.reserve().await else { return };
        match ready.and_then(|()| control.ready.try_io(|| control.take())) {
            Ok(Some((message, fds))) => room.send(Happening::Said(node, message, fds)),
            Ok(None) => return,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                // What matters from here on is when it ends.
                report::warn!("node {node}: its control socket failed: {error}");
                return;
            }
        }
    }
}

/// The reading side of a node's control socket.
pub(super) struct Control {
    socket: OwnedFd,
    ready: Readable,
}

impl Control {
    /// # Errors
    /// When there is no room for another fd.
    pub(super) fn new(socket: &OwnedFd) -> io::Result<Control> {
        Ok(Control { socket: socket.try_clone()?, ready: Readable::new(socket.try_clone()?)? })
    }

    /// One message and its fds; `None` at the end.
    pub(super) fn take(&self) -> io::Result<Option<(ToMaster, Vec<OwnedFd>)>> {
        let mut buffer = [0; MAX_DATAGRAM];
        match packet::receive(self.socket.as_fd(), &mut buffer) {
            Ok((0, _)) => Ok(None),
            Ok((length, fds)) => {
                let message = codec::decode(&buffer[..length]).map_err(io::Error::other)?;
                Ok(Some((message, fds)))
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
            Err(error) => Err(error),
        }
    }
}
