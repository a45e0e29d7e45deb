//! The way of a topic's messages to one node that has subscribed: another, or this one.
//!
//! It sends as far as the window allows and knows who waits. A gate whose node takes whatever comes
//! never waits, for a link that is not read neither: what does not go is counted, and told later.

use std::future::poll_fn;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use super::entry::Entry;
use super::frame;
use super::line::Line;
use super::receipt::Receipt;
use super::window::{Window, cost};
use crate::config::NodeId;
use crate::link::error::{CloseReason, TrySendError};

/// See the module.
#[derive(Debug)]
pub(super) struct Gate {
    node: NodeId,
    to: To,
    window: Mutex<Window>,
}

#[derive(Debug)]
enum To {
    Here(Weak<Entry>),
    There { line: Arc<Line>, number: u64 },
}

/// How sending without waiting went.
#[derive(Debug)]
pub(super) enum Attempt {
    /// It went; true when the caller should let others run.
    Sent(bool),
    /// It has to wait.
    Wait,
    /// It will not go.
    Missed(TrySendError),
}

impl Gate {
    /// To the subscriptions of this node.
    pub(super) fn here(me: NodeId, entry: Weak<Entry>, window: Option<usize>) -> Arc<Self> {
        Arc::new(Gate { node: me, to: To::Here(entry), window: Mutex::new(Window::new(window)) })
    }

    /// To those of another node, which has given the topic this number.
    pub(super) fn there(line: Arc<Line>, number: u64, window: Option<usize>) -> Arc<Self> {
        let (node, window) = (line.node(), Mutex::new(Window::new(window)));
        Arc::new(Gate { node, to: To::There { line, number }, window })
    }

    pub(super) fn node(&self) -> NodeId {
        self.node
    }

    /// Whether it leads to the subscriptions of this node.
    pub(super) fn is_here(&self) -> bool {
        matches!(self.to, To::Here(_))
    }

    /// Sends, if that takes no waiting.
    pub(super) fn try_send(self: &Arc<Self>, message: &[u8]) -> Attempt {
        let cost = cost(message.len());
        let charged = self.window().charge(cost);
        let sent = match charged {
            Ok(true) => self.try_send_charged(message, Charge::new(self, cost)),
            Ok(false) => self.send_free(message).map_err(Attempt::Missed),
            Err(TrySendError::Full) => Err(Attempt::Wait),
            Err(error) => Err(Attempt::Missed(error)),
        };
        sent.map_or_else(|not| not, Attempt::Sent)
    }

    /// Sends once it may, after those who wait already.
    ///
    /// Dropped before it is done, it sent nothing, unless it had been sent whole and only let
    /// others run.
    ///
    /// # Errors
    /// When the node takes no more; `Full` when it is not waited for any more and is not keeping
    /// up.
    pub(super) async fn send(self: Arc<Self>, message: &[u8]) -> Result<(), TrySendError> {
        let cost = cost(message.len());
        let mut turn = Turn { gate: &self, ticket: None };
        if !poll_fn(|cx| turn.poll(cx, cost)).await? {
            return self.send_free(message).map(drop);
        }
        let charge = Charge::new(&self, cost);
        match &self.to {
            To::Here(entry) => self.deliver(entry, message, charge),
            To::There { line, number } => {
                line.channel().send(frame::charged(*number, message)).await?;
                charge.keep();
            }
        }
        Ok(())
    }

    fn try_send_charged(
        self: &Arc<Self>,
        message: &[u8],
        charge: Charge<'_>,
    ) -> Result<bool, Attempt> {
        match &self.to {
            To::Here(entry) => {
                self.deliver(entry, message, charge);
                Ok(false)
            }
            To::There { line, number } => {
                let sent = line.channel().try_send(frame::charged(*number, message));
                let heavy = sent.map_err(|error| match error {
                    TrySendError::Full => Attempt::Wait,
                    error @ TrySendError::Refused(_) => Attempt::Missed(error),
                })?;
                charge.keep();
                Ok(heavy)
            }
        }
    }

    fn deliver(self: &Arc<Self>, entry: &Weak<Entry>, message: &[u8], charge: Charge<'_>) {
        if let Some(entry) = entry.upgrade() {
            entry.deliver(self.node, message, Some(Receipt::here(Arc::clone(self), charge.cost)));
            charge.keep();
        }
    }

    /// Sends without a charge: at once or not at all.
    fn send_free(self: &Arc<Self>, message: &[u8]) -> Result<bool, TrySendError> {
        match &self.to {
            To::Here(entry) => {
                if let Some(entry) = entry.upgrade() {
                    entry.deliver(self.node, message, None);
                }
                Ok(false)
            }
            To::There { line, number } => {
                if !self.window().has_missed() {
                    let sent = line.channel().try_send(frame::free(*number, message));
                    if sent != Err(TrySendError::Full) {
                        return sent;
                    }
                }
                if self.window().miss() {
                    line.tell_missed(*number, Arc::clone(self));
                }
                Err(TrySendError::Full)
            }
        }
    }

    /// How many messages the node missed and does not know of.
    pub(super) fn missed(&self) -> u64 {
        self.window().missed()
    }

    /// The node knows of so many; true when there are more.
    pub(super) fn told_missed(&self, messages: u64) -> bool {
        self.window().told_missed(messages)
    }

    /// So much has been received.
    pub(super) fn credit(&self, bytes: usize) {
        let next = self.window().credit(bytes);
        next.into_iter().for_each(Waker::wake);
    }

    /// The node changed its mind about what may be under way.
    pub(super) fn resize(&self, window: Option<usize>) {
        let next = self.window().resize(window);
        next.into_iter().for_each(Waker::wake);
    }

    /// The node takes no more.
    pub(super) fn close(&self, reason: CloseReason) {
        let waiting: Vec<Waker> = self.window().close(reason).collect();
        waiting.into_iter().for_each(Waker::wake);
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was charged for a message, given back unless it goes.
struct Charge<'a> {
    gate: &'a Gate,
    cost: usize,
}

impl<'a> Charge<'a> {
    fn new(gate: &'a Gate, cost: usize) -> Self {
        Charge { gate, cost }
    }

    /// The message went: who receives it gives it back.
    fn keep(self) {
        mem::forget(self);
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        self.gate.credit(self.cost);
    }
}

/// A place in the queue of a gate, given up when dropped.
struct Turn<'a> {
    gate: &'a Gate,
    ticket: Option<u64>,
}

impl Turn<'_> {
    /// As [`Window::charge`], once it is its turn.
    fn poll(&mut self, cx: &mut Context<'_>, cost: usize) -> Poll<Result<bool, TrySendError>> {
        let mut window = self.gate.window();
        let ticket = *self.ticket.get_or_insert_with(|| window.queue(cx.waker()));
        match window.charge_in_turn(ticket, cost, cx.waker()) {
            Err(TrySendError::Full) => Poll::Pending,
            charged => Poll::Ready(charged),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let next = self.gate.window().leave(ticket);
        next.into_iter().for_each(Waker::wake);
    }
}
