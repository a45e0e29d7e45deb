//! What waits for one subscription, and what becomes of what there is no room for.
//!
//! It keeps messages as bytes, and has them decoded where they are received, so that nothing of the
//! user's runs where a link is read. What publishers wait for is bounded by their windows, and
//! everything else here. It wakes who receives, and nobody else.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::config::SubscribeConfig;
use super::receipt::Receipt;
use super::window::cost;
use crate::config::NodeId;
use crate::link::when_full::WhenFull;

/// See the module.
#[derive(Debug)]
pub(super) struct Queue {
    config: SubscribeConfig,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    items: VecDeque<Item>,
    /// What the messages among them cost.
    bytes: usize,
    /// No more will come.
    closed: bool,
    receiver: Option<Waker>,
}

/// What a subscription receives.
#[derive(Debug)]
pub(super) enum Item {
    Message {
        from: NodeId,
        message: Arc<[u8]>,
        receipt: Option<Arc<Receipt>>,
    },
    /// So many messages would have been here.
    Missed(u64),
}

/// What became of something for a subscription.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It was taken, or is dealt with.
    Taken,
    /// It closed the subscription.
    Closed,
}

impl Queue {
    pub(super) fn new(config: SubscribeConfig) -> Arc<Self> {
        Arc::new(Queue { config, waiting: Mutex::default() })
    }

    /// The window that publishers wait for, if they do.
    pub(super) fn publishers_wait(&self) -> Option<usize> {
        (self.config.when_full == WhenFull::Wait).then_some(self.config.window)
    }

    /// Adds a message, if there is room or publishers see to that.
    pub(super) fn push(
        &self,
        from: NodeId,
        message: &Arc<[u8]>,
        receipt: Option<&Arc<Receipt>>,
    ) -> Pushed {
        let cost = cost(message.len());
        self.change(|waiting| {
            let full = waiting.bytes > 0 && waiting.bytes.saturating_add(cost) > self.config.window;
            let receipt = match self.config.when_full {
                WhenFull::Wait => receipt.cloned(),
                WhenFull::DropNewest if full => {
                    waiting.miss(1);
                    return Pushed::Taken;
                }
                WhenFull::Close if full => return waiting.close(1),
                WhenFull::DropOldest => {
                    waiting.make_room(cost, self.config.window);
                    None
                }
                WhenFull::DropNewest | WhenFull::Close => None,
            };
            waiting.bytes += cost;
            waiting.items.push_back(Item::Message { from, message: Arc::clone(message), receipt });
            Pushed::Taken
        })
    }

    /// Notes that so many messages were dropped before they came here.
    pub(super) fn miss(&self, messages: u64) -> Pushed {
        self.change(|waiting| {
            if self.config.when_full == WhenFull::Close {
                return waiting.close(messages);
            }
            waiting.miss(messages);
            Pushed::Taken
        })
    }

    /// Takes the oldest; `None` when no more will come.
    pub(super) fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        let mut waiting = self.waiting();
        let Some(item) = waiting.items.pop_front() else {
            if waiting.closed {
                return Poll::Ready(None);
            }
            waiting.receiver = Some(cx.waker().clone());
            return Poll::Pending;
        };
        if let Item::Message { message, .. } = &item {
            waiting.bytes -= cost(message.len());
        }
        Poll::Ready(Some(item))
    }

    /// Nobody receives any more: lets all go that waits, and takes nothing.
    pub(super) fn deafen(&self) {
        let waiting = {
            let mut waiting = self.waiting();
            waiting.closed = true;
            std::mem::take(&mut waiting.items)
        };
        // Receipts, which say so to others, go where nothing is locked.
        drop(waiting);
    }

    fn change(&self, change: impl FnOnce(&mut Waiting) -> Pushed) -> Pushed {
        let (pushed, receiver) = {
            let mut waiting = self.waiting();
            if waiting.closed {
                return Pushed::Taken;
            }
            (change(&mut waiting), waiting.receiver.take())
        };
        receiver.into_iter().for_each(Waker::wake);
        pushed
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Drops the oldest until there is room, or nothing left.
    fn make_room(&mut self, cost: usize, window: usize) {
        let mut missed = 0;
        while self.bytes > 0 && self.bytes.saturating_add(cost) > window {
            match self.items.pop_front() {
                Some(Item::Message { message, .. }) => {
                    self.bytes -= self::cost(message.len());
                    missed += 1;
                }
                Some(Item::Missed(messages)) => missed = messages.saturating_add(missed),
                None => break,
            }
        }
        if missed == 0 {
            return;
        }
        match self.items.front_mut() {
            Some(Item::Missed(messages)) => *messages = messages.saturating_add(missed),
            Some(Item::Message { .. }) | None => self.items.push_front(Item::Missed(missed)),
        }
    }

    /// So many messages are missing at the end.
    fn miss(&mut self, missed: u64) {
        match self.items.back_mut() {
            Some(Item::Missed(messages)) => *messages = messages.saturating_add(missed),
            Some(Item::Message { .. }) | None => self.items.push_back(Item::Missed(missed)),
        }
    }

    fn close(&mut self, missed: u64) -> Pushed {
        self.miss(missed);
        self.closed = true;
        Pushed::Closed
    }
}

#[cfg(test)]
mod tests;
