//! Hears what one other node says on the channel of topics, and does it at once.
//!
//! It waits for nobody: a message goes into the queues of the subscriptions, which see to their
//! bounds. So the link is always read, whatever a subscription does.

use std::collections::HashMap;
use std::future::poll_fn;
use std::mem;
use std::sync::Arc;

use super::directory::Directory;
use super::entry::Entry;
use super::frame::{self, Control, Frame, Malformed};
use super::gate::Gate;
use super::line::Line;
use super::receipt::Receipt;
use super::window::cost;
use crate::link::error::CloseReason;
use crate::link::frame as link_frame;
use crate::link::hello::Close;
use crate::report;

/// See the module.
#[derive(Debug)]
pub(super) struct Ear {
    directory: Arc<Directory>,
    line: Arc<Line>,
    /// What the other node has subscribed to, by its numbers.
    subscribed: HashMap<u64, (Arc<Entry>, Arc<Gate>)>,
    /// The last topic that a message came for, by this node's number: often that of the next.
    last: Option<(u64, Arc<Entry>)>,
}

impl Ear {
    pub(super) fn new(directory: Arc<Directory>, line: Arc<Line>) -> Self {
        Ear { directory, line, subscribed: HashMap::new(), last: None }
    }

    /// Hears until nothing more will come.
    pub(super) async fn hear(mut self) {
        let mut batch = Vec::new();
        while poll_fn(|cx| self.line.channel().poll_take(cx, &mut batch)).await.is_some() {
            if let Err(Malformed) = self.hear_batch(&batch) {
                let node = self.line.node();
                report::error!("no topics to node {node} any more: it sent {Malformed}");
                self.line.channel().abort(Close::Malformed);
                return;
            }
            self.line.channel().consume(batch.len());
            self.line.channel().recycle(&mut batch);
            tokio::task::coop::consume_budget().await;
        }
    }

    fn hear_batch(&mut self, batch: &[u8]) -> Result<(), Malformed> {
        let mut at = 0;
        while at < batch.len() {
            let payload = link_frame::payload(&batch[at..]);
            at += link_frame::HEADER + payload.len();
            match frame::read(payload)? {
                Frame::Message { number, charged, message } => {
                    self.deliver(number, charged, message);
                }
                Frame::Control(control) => self.obey(control),
            }
        }
        self.last = None;
        Ok(())
    }

    fn deliver(&mut self, number: u64, charged: bool, message: &[u8]) {
        let Some(entry) = self.numbered(number) else { return };
        let receipt = charged.then(|| {
            let account = self.line.account(number, entry.window());
            Receipt::there(account, cost(message.len()))
        });
        entry.deliver(self.line.node(), message, receipt);
    }

    /// The topic of that number; none when the subscription has ended meanwhile.
    fn numbered(&mut self, number: u64) -> Option<Arc<Entry>> {
        if self.last.as_ref().is_none_or(|(last, _)| *last != number) {
            self.last = Some((number, self.directory.numbered(number)?));
        }
        self.last.as_ref().map(|(_, entry)| Arc::clone(entry))
    }

    fn obey(&mut self, control: Control) {
        match control {
            Control::Subscribe { number, window, name, fingerprint, topic } => {
                let window = window.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
                if let Some((_, gate)) = self.subscribed.get(&number) {
                    return gate.resize(window);
                }
                let entry = self.directory.topic(&name, fingerprint, &topic);
                let gate = Gate::there(Arc::clone(&self.line), number, window);
                entry.add_gate(Arc::clone(&gate));
                self.subscribed.insert(number, (entry, gate));
            }
            Control::Unsubscribe { number } => {
                if let Some((entry, gate)) = self.subscribed.remove(&number) {
                    entry.remove_gate(&gate, CloseReason::Dropped);
                }
            }
            Control::Mark(time) => {
                self.line.tell_acknowledge(time);
                self.directory.told(self.line.node());
            }
            Control::Acknowledge(time) => self.directory.knows(self.line.node(), time),
            Control::Credit { number, bytes } => {
                if let Some((_, gate)) = self.subscribed.get(&number) {
                    gate.credit(usize::try_from(bytes).unwrap_or(usize::MAX));
                }
            }
            Control::Missed { number, messages } => {
                if let Some(entry) = self.numbered(number) {
                    entry.missed(messages);
                }
            }
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        for (_, (entry, gate)) in mem::take(&mut self.subscribed) {
            entry.remove_gate(&gate, CloseReason::Ended);
        }
        self.directory.part(&self.line);
    }
}
