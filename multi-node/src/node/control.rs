//! The node's end of the control socket, and the thread that listens to it.
//!
//! The thread runs beside user code and needs nothing of it: it starts the drain, ends a worker
//! that outlives its drain, and when the master is gone frees the port, however stuck `main` is.
//! It never runs user code.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Inner;
use super::accept::Sockets;
use crate::config::NodeId;
use crate::error::EXIT_FAILURE;
use crate::link::codec;
use crate::link::control::{LinkKind, MAX_DATAGRAM, PROTOCOL, ToMaster, ToNode, Welcome};
use crate::report;
use crate::signal::Handled;
use crate::sys::packet;
use crate::sys::poll;
use crate::sys::process;
use crate::sys::signal::Signals;

/// How long a message to the master may take to be accepted: its thread does nothing but read.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much the master may have left unread and still be thought to listen, in bytes of the kernel.
const BACKLOG: usize = 16 * 1024;

/// When to try again what the kernel had no memory for.
const RETRY: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests;

/// The control socket of this node.
#[derive(Debug)]
pub(crate) struct Control(OwnedFd);

/// What the master started a process for.
pub(crate) enum Calling {
    /// To be a node; with the fds that the welcome names.
    Node(Box<Welcome>, Vec<OwnedFd>),
    /// To try out whether this program could take over from the master: its state.
    Rehearsal(OwnedFd),
}

impl Control {
    pub(crate) fn new(socket: OwnedFd) -> Control {
        Control(socket)
    }

    /// Waits for the first message: what this process is for.
    ///
    /// # Errors
    /// `TimedOut`, `UnexpectedEof` when the master is gone, `InvalidData` when it speaks another
    /// protocol.
    pub(crate) fn calling(&self, timeout: Duration) -> io::Result<Calling> {
        if !poll::readable([self.0.as_fd()], Some(timeout))?[0] {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let Some((message, mut fds)) = self.receive()? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        match (message, fds.len()) {
            (ToNode::Welcome(welcome), _) if welcome.protocol == PROTOCOL => {
                Ok(Calling::Node(Box::new(welcome), fds))
            }
            (ToNode::Rehearse { protocol }, 1) if protocol == PROTOCOL => {
                Ok(Calling::Rehearsal(fds.remove(0)))
            }
            (message, _) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("expected a welcome of protocol {PROTOCOL}, got {message:?}"),
            )),
        }
    }

    /// One message and its fds, which are acknowledged; `None` when the master is gone.
    ///
    /// # Errors
    /// `WouldBlock` when there is none; `InvalidData` when fds were lost, or it makes no sense.
    fn receive(&self) -> io::Result<Option<(ToNode, Vec<OwnedFd>)>> {
        let mut buffer = [0; MAX_DATAGRAM];
        let (length, fds) = match packet::receive(self.0.as_fd(), &mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
            received => received?,
        };
        if length == 0 {
            return Ok(None);
        }
        let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
        let message: ToNode =
            codec::decode(&buffer[..length]).map_err(|error| invalid(error.to_string()))?;
        let (weight, sent) = (message.weight(), message.fds());
        if weight > 0 {
            // What is lost is not in flight any more either.
            self.say(&ToMaster::Received { weight });
        }
        if fds.len() < usize::from(sent) {
            let came = fds.len();
            return Err(invalid(format!("{came} of {sent} fds came, too many files are open")));
        }
        Ok(Some((message, fds)))
    }

    /// Tells the master what it does not miss while it takes nothing off the socket: the room
    /// there is for what it must not miss.
    pub(super) fn mention(&self, message: &ToMaster) {
        let listens = packet::unread(self.0.as_fd()).is_ok_and(|unread| unread < BACKLOG);
        if let Some(bytes) = encode(message).filter(|_| listens) {
            // It fails when the master is gone, or has no memory left.
            let _ = packet::send(self.0.as_fd(), &bytes, &[]);
        }
    }

    /// Tells the master something. A master that is gone needs no telling.
    pub(crate) fn say(&self, message: &ToMaster) {
        self.give(message, &[]);
    }

    /// As [`say`](Control::say), with fds.
    pub(super) fn give(&self, message: &ToMaster, fds: &[BorrowedFd<'_>]) {
        let Some(bytes) = encode(message) else {
            return;
        };
        while let Err(error) = packet::send(self.0.as_fd(), &bytes, fds) {
            let again = error.kind() == io::ErrorKind::WouldBlock
                && poll::writable(self.0.as_fd(), PATIENCE).unwrap_or(false);
            if !again {
                if error.kind() != io::ErrorKind::BrokenPipe {
                    report::warn!("cannot tell the master {message:?}: {error}");
                }
                return;
            }
        }
    }
}

/// The datagram of a message; `None`, and said, when it is too large for one.
fn encode(message: &ToMaster) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    match codec::encode_into(&mut bytes, message, MAX_DATAGRAM) {
        Ok(()) => Some(bytes),
        Err(error) => {
            report::error!("cannot tell the master {message:?}: {error}");
            None
        }
    }
}

/// Starts the control thread. `signals` is a worker's; the master's own are supervision's.
///
/// # Errors
/// When the control socket fails, or there is no room for a thread.
pub(super) fn start(node: Arc<Inner>, signals: Option<Signals>) -> io::Result<()> {
    let mut thread = Thread { node, signals, deadline: None, orphan: false };
    // The outboxes came with the welcome. Until it has them, a node keeps whatever it accepts; the
    // thread may have to wait for a CPU longer than `main`.
    while thread.hear()? {}
    std::thread::Builder::new()
        .name("multi-node:ctl".to_owned())
        .stack_size(256 * 1024)
        .spawn(move || thread.run())?;
    Ok(())
}

struct Thread {
    node: Arc<Inner>,
    signals: Option<Signals>,
    /// When a worker that drains leaves, done or not.
    deadline: Option<Instant>,
    /// Whether the master is gone.
    orphan: bool,
}

impl Thread {
    fn run(mut self) {
        loop {
            let Err(error) = self.turn() else { continue };
            match error.kind() {
                io::ErrorKind::InvalidData => self.lost(&error),
                // The kernel does not say when it has memory again.
                io::ErrorKind::OutOfMemory => std::thread::sleep(RETRY),
                _ => {
                    // Without its control socket a node is nobody's: the same as a dead master.
                    report::error!("the control socket failed: {error}");
                    self.orphaned();
                }
            }
        }
    }

    /// Waits for what comes next and deals with it.
    fn turn(&mut self) -> io::Result<()> {
        let left = self.deadline.map(|at| at.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            self.overrun();
        }
        let node = Arc::clone(&self.node);
        let control = node.control.0.as_fd();
        let [heard, signalled] = match &self.signals {
            // There is nobody to hear, and a signal could only tell it to drain, which it does.
            _ if self.orphan => poll::readable([], left).map(|[]| [false; 2])?,
            Some(signals) => poll::readable([control, signals.as_fd()], left)?,
            None => [poll::readable([control], left)?[0], false],
        };
        if signalled {
            self.signalled();
        }
        if heard {
            self.hear()?;
        }
        Ok(())
    }

    /// Deals with one message of the master; whether there was one.
    fn hear(&mut self) -> io::Result<bool> {
        match self.node.control.receive() {
            Ok(Some((message, fds))) => {
                self.heard(message, fds);
                return Ok(true);
            }
            Ok(None) => self.orphaned(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(false)
    }

    fn heard(&mut self, message: ToNode, fds: Vec<OwnedFd>) {
        let mut fds = fds.into_iter();
        let listeners = &self.node.listeners;
        match message {
            ToNode::Outboxes { listener, first, last } => {
                if let Some(acceptor) = listeners.get(listener) {
                    for (slot, outbox) in (first..=last).zip(fds) {
                        acceptor.set_outbox(slot, outbox);
                    }
                }
            }
            ToNode::Lent { listener, slot } => {
                if let Some(acceptor) = listeners.get(listener)
                    && let (Some(listener), Some(inbox)) = (fds.next(), fds.next())
                {
                    acceptor.lend(slot, Sockets { listener, inbox });
                }
            }
            ToNode::SiblingsChanged => listeners.ring_changed(),
            ToNode::Link { peer, kind } => {
                if let Some(socket) = fds.next() {
                    self.node.hub.link(NodeId(peer), kind, socket);
                }
            }
            ToNode::Make { name } => self.node.shares.make(name),
            ToNode::Shared { name } => self.node.shares.came(&name, fds.next()),
            ToNode::NotShared { name } => self.node.shares.refused(&name),
            ToNode::Members(events) => {
                events.iter().for_each(|event| self.node.hub.members().heard(event));
            }
            ToNode::Leaving => self.node.life.leave(),
            ToNode::Count { nodes, slots } => {
                self.node.len.store(nodes.into(), Ordering::Relaxed);
                listeners.all().for_each(|acceptor| acceptor.slots_reach(slots.0..=slots.1));
            }
            ToNode::Event(event) => self.node.events.publish(&event),
            ToNode::Drain { timeout } => self.drain(timeout),
            ToNode::Welcome(_) | ToNode::Rehearse { .. } => {
                report::warn!("welcomed twice: ignored");
            }
        }
    }

    /// A worker drains at SIGTERM. What a terminal sends to the whole group is the master's to
    /// answer: were the workers to leave by themselves, it would have to guess why.
    fn signalled(&mut self) {
        while let Some(Ok(arrived)) = self.signals.as_ref().map(Signals::next) {
            if arrived.signal == Handled::Terminate {
                self.drain(self.node.drain_timeout);
            }
        }
    }

    /// A message or its fds are lost, most likely for want of room in this process. The master
    /// lives, and the others with it: a worker makes way for one that has what it needs.
    fn lost(&mut self, error: &io::Error) {
        report::error!("lost what the master sent: {error}");
        if !self.node.is_master {
            self.drain(self.node.drain_timeout);
        }
    }

    fn drain(&mut self, timeout: Duration) {
        if self.node.life.draining() {
            return;
        }
        // First: a `main` with nothing to finish ends the process at once, and it would look as if
        // it had ended by itself.
        self.node.control.say(&ToMaster::Draining);
        self.node.life.drain();
        self.node.listeners.stop_accepting();
        self.deadline = Instant::now().checked_add(timeout);
    }

    fn orphaned(&mut self) {
        if !self.orphan {
            self.orphan = true;
            // In the master's own process it is supervision that is over: the end of the program.
            if !self.node.is_master {
                report::warn!("the master is gone: this node drains and leaves");
            }
            self.node.events.end();
            self.node.shares.end();
            self.node.hub.members().end();
            self.node.listeners.close_for_all();
            self.drain(self.node.drain_timeout);
        }
    }

    /// The drain took too long. The master's own node is supervision's to end; and a node that is
    /// over leaves with the exit code that it has, however late its process is.
    fn overrun(&mut self) {
        self.deadline = None;
        if self.node.life.is_over() || (self.node.is_master && !self.orphan) {
            return;
        }
        let open = match self.node.listeners.open() {
            1 => "1 connection".to_owned(),
            open => format!("{open} connections"),
        };
        let timeout = self.node.drain_timeout;
        report::warn!(
            "slot {}, pid {}: drain_timeout ({timeout:?}) is over and {open} still open: \
             this node leaves",
            self.node.slot,
            process::pid(),
        );
        process::exit(EXIT_FAILURE);
    }
}

/// What the hub calls when user code asks for messages the first time.
pub(super) fn asker(control: Arc<Control>) -> Box<dyn Fn(LinkKind) + Send + Sync> {
    Box::new(move |kind| control.say(&ToMaster::Want(kind)))
}
