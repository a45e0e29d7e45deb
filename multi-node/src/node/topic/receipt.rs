//! That a message was received, said to who was charged for it: by being dropped.
//!
//! Every subscription for which publishers wait holds the receipt until it has taken the message, or
//! is gone itself; the last of them says so.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use super::gate::Gate;
use super::line::Line;

/// See the module.
#[derive(Debug)]
pub(super) struct Receipt {
    cost: usize,
    to: To,
}

#[derive(Debug)]
enum To {
    Here(Arc<Gate>),
    There(Arc<Account>),
}

impl Receipt {
    /// For a message of this node.
    pub(super) fn here(gate: Arc<Gate>, cost: usize) -> Self {
        Receipt { cost, to: To::Here(gate) }
    }

    /// For a message of another node.
    pub(super) fn there(account: Arc<Account>, cost: usize) -> Self {
        Receipt { cost, to: To::There(account) }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        match &self.to {
            To::Here(gate) => gate.credit(self.cost),
            To::There(account) => account.consume(self.cost),
        }
    }
}

/// What was received of one topic from one node, until it is worth telling.
#[derive(Debug)]
pub(super) struct Account {
    line: Weak<Line>,
    number: u64,
    due: AtomicUsize,
    /// So much is worth it.
    tell_at: usize,
}

impl Account {
    pub(super) fn new(line: &Arc<Line>, number: u64, tell_at: usize) -> Arc<Self> {
        let (line, due) = (Arc::downgrade(line), AtomicUsize::new(0));
        Arc::new(Account { line, number, due, tell_at })
    }

    fn consume(&self, cost: usize) {
        let due = self.due.fetch_add(cost, Ordering::AcqRel) + cost;
        if due >= self.tell_at {
            self.tell();
        }
    }

    fn tell(&self) {
        let due = self.due.swap(0, Ordering::AcqRel);
        if due > 0
            && let Some(line) = self.line.upgrade()
        {
            line.tell_credit(self.number, due as u64);
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.tell();
    }
}
