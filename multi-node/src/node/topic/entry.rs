//! What this node knows of one topic: who has subscribed, here and elsewhere.
//!
//! It is there as long as anybody needs it: a `Topic`, a subscription, or a node that subscribed.
//! Who publishes finds here where to, and looks at no other topic.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::directory::Directory;
use super::frame::Control;
use super::gate::Gate;
use super::queue::{Pushed, Queue};
use super::receipt::Receipt;
use crate::config::NodeId;
use crate::link::error::CloseReason;

/// The message type of topics.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) name: String,
    pub(super) fingerprint: u64,
}

impl Kind {
    pub(super) fn is(&self, name: &str, fingerprint: u64) -> bool {
        self.fingerprint == fingerprint && self.name == name
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Entry {
    directory: Weak<Directory>,
    kind: Arc<Kind>,
    name: Arc<str>,
    subscribers: Mutex<Subscribers>,
}

/// Both lists are replaced whenever they change, so that who sends holds no lock.
#[derive(Debug, Default)]
struct Subscribers {
    /// One a node, this one among them; in ascending order of the nodes.
    gates: Arc<[Arc<Gate>]>,
    here: Option<Here>,
}

/// The subscriptions of this node.
#[derive(Debug)]
struct Here {
    /// What the other nodes know them by; the time of the first of them.
    number: u64,
    /// When the others were last told something about them.
    told: u64,
    window: Option<usize>,
    gate: Arc<Gate>,
    queues: Arc<[Arc<Queue>]>,
}

/// What the other nodes are to be told after a subscription came or went.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing: it makes no difference to them.
    None,
    /// The first came.
    Began { number: u64 },
    /// Another window.
    Changed { number: u64 },
    /// The last went.
    Ended { number: u64 },
}

impl Entry {
    pub(super) fn new(directory: Weak<Directory>, kind: Arc<Kind>, name: Arc<str>) -> Arc<Self> {
        Arc::new(Entry { directory, kind, name, subscribers: Mutex::default() })
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Where messages go.
    pub(super) fn gates(&self) -> Arc<[Arc<Gate>]> {
        Arc::clone(&self.subscribers().gates)
    }

    /// Adds the gate to another node.
    pub(super) fn add_gate(&self, gate: Arc<Gate>) {
        self.subscribers().add_gate(gate);
    }

    /// Removes the gate to another node, and lets those go who wait at it.
    pub(super) fn remove_gate(&self, gate: &Arc<Gate>, reason: CloseReason) {
        self.subscribers().remove_gate(gate);
        gate.close(reason);
    }

    /// Adds a subscription of this node at the time `now`.
    pub(super) fn join(self: &Arc<Self>, me: NodeId, queue: Arc<Queue>, now: u64) -> News {
        let mut subscribers = self.subscribers();
        match &mut subscribers.here {
            Some(here) => {
                here.queues = here.queues.iter().cloned().chain([queue]).collect();
                here.fit(now)
            }
            none => {
                let window = queue.publishers_wait();
                let gate = Gate::here(me, Arc::downgrade(self), window);
                let queues = Arc::from([queue]);
                *none =
                    Some(Here { number: now, told: now, window, gate: Arc::clone(&gate), queues });
                subscribers.add_gate(gate);
                News::Began { number: now }
            }
        }
    }

    /// Removes a subscription of this node at the time `now`; one that is not there any more makes
    /// no difference.
    pub(super) fn leave(&self, queue: &Arc<Queue>, now: u64) -> News {
        let mut subscribers = self.subscribers();
        let Some(here) = &mut subscribers.here else { return News::None };
        here.queues = without(&here.queues, queue);
        if !here.queues.is_empty() {
            return here.fit(now);
        }
        let (number, gate) = (here.number, Arc::clone(&here.gate));
        subscribers.here = None;
        subscribers.remove_gate(&gate);
        drop(subscribers);
        gate.close(CloseReason::Dropped);
        News::Ended { number }
    }

    /// When the other nodes were last told something about the subscriptions of this one.
    pub(super) fn told(&self) -> u64 {
        self.subscribers().here.as_ref().map_or(0, |here| here.told)
    }

    /// What publishers may have under way to this node; `None`: anything.
    pub(super) fn window(&self) -> Option<usize> {
        self.subscribers().here.as_ref().and_then(|here| here.window)
    }

    /// What the other nodes are to know, if this node's subscriptions have that number.
    pub(super) fn announcement(&self, number: u64) -> Option<Control> {
        let window = {
            let subscribers = self.subscribers();
            let here = subscribers.here.as_ref().filter(|here| here.number == number)?;
            here.window.map(|bytes| bytes as u64)
        };
        let Kind { name, fingerprint } = &*self.kind;
        let (name, topic) = (name.clone(), self.name.as_ref().to_owned());
        Some(Control::Subscribe { number, window, name, fingerprint: *fingerprint, topic })
    }

    /// Hands a message to the subscriptions of this node.
    pub(super) fn deliver(
        self: &Arc<Self>,
        from: NodeId,
        message: &[u8],
        receipt: Option<Receipt>,
    ) {
        let receipt = receipt.map(Arc::new);
        let message: Arc<[u8]> = message.into();
        self.each_queue(|queue| queue.push(from, &message, receipt.as_ref()));
    }

    /// Tells the subscriptions of this node, for which nobody waits, that they missed messages.
    pub(super) fn missed(self: &Arc<Self>, messages: u64) {
        self.each_queue(|queue| match queue.publishers_wait() {
            Some(_) => Pushed::Taken,
            None => queue.miss(messages),
        });
    }

    fn each_queue(self: &Arc<Self>, push: impl Fn(&Queue) -> Pushed) {
        let queues = match &self.subscribers().here {
            Some(here) => Arc::clone(&here.queues),
            None => return,
        };
        for queue in queues.iter() {
            if push(queue) == Pushed::Closed
                && let Some(directory) = self.directory.upgrade()
            {
                directory.leave(self, queue);
            }
        }
    }

    fn subscribers(&self) -> MutexGuard<'_, Subscribers> {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(directory) = self.directory.upgrade() {
            directory.forget(&self.kind, &self.name);
        }
    }
}

impl Subscribers {
    fn add_gate(&mut self, gate: Arc<Gate>) {
        let at = self.gates.partition_point(|other| other.node() < gate.node());
        let (before, after) = self.gates.split_at(at);
        self.gates = before.iter().cloned().chain([gate]).chain(after.iter().cloned()).collect();
    }

    fn remove_gate(&mut self, gate: &Arc<Gate>) {
        self.gates = without(&self.gates, gate);
    }
}

impl Here {
    /// Makes the window that of the subscriptions that there are: the smallest of those for which
    /// publishers wait.
    fn fit(&mut self, now: u64) -> News {
        let window = self.queues.iter().filter_map(|queue| queue.publishers_wait()).min();
        if window == self.window {
            return News::None;
        }
        (self.window, self.told) = (window, now);
        self.gate.resize(window);
        News::Changed { number: self.number }
    }
}

fn without<T>(all: &[Arc<T>], one: &Arc<T>) -> Arc<[Arc<T>]> {
    all.iter().filter(|other| !Arc::ptr_eq(other, one)).cloned().collect()
}

#[cfg(test)]
mod tests;
