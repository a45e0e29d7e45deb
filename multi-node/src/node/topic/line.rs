//! The channel of topics to one other node, and what that node is to be told.
//!
//! What is to be told is kept by what it is about, not as frames in a queue, so that it is bounded
//! by the number of topics however slow the other node is. Nobody waits for it to be told but who
//! subscribes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::directory::Directory;
use super::frame::{self, Control};
use super::gate::Gate;
use super::receipt::Account;
use super::window;
use crate::config::NodeId;
use crate::link::channel::Channel;
use crate::link::error::SendError;

/// See the module.
#[derive(Debug)]
pub(super) struct Line {
    channel: Arc<Channel>,
    untold: Mutex<Untold>,
    news: Notify,
    /// Of the topics on which it publishes, by this node's number.
    accounts: Mutex<HashMap<u64, Arc<Account>>>,
}

/// What the other node is to be told.
#[derive(Debug, Default)]
pub(super) struct Untold {
    /// It is to answer once it has heard of those.
    mark: bool,
    /// The numbers of the subscriptions that came, went or changed.
    changed: BTreeSet<u64>,
    acknowledge: Option<u64>,
    /// By this node's number.
    credits: BTreeMap<u64, u64>,
    /// By the other node's number.
    missed: Vec<(u64, Arc<Gate>)>,
}

impl Line {
    /// To a node that is to be told of all these subscriptions, or that there are none.
    pub(super) fn new(channel: Arc<Channel>, changed: BTreeSet<u64>) -> Arc<Self> {
        let untold = Mutex::new(Untold { mark: true, changed, ..Untold::default() });
        let (news, accounts) = (Notify::new(), Mutex::default());
        let line = Arc::new(Line { channel, untold, news, accounts });
        line.news.notify_one();
        line
    }

    pub(super) fn node(&self) -> NodeId {
        self.channel.node()
    }

    pub(super) fn channel(&self) -> &Channel {
        &self.channel
    }

    pub(super) fn tell_change(&self, number: u64) {
        self.note(|untold| {
            untold.changed.insert(number);
            untold.mark = true;
        });
    }

    pub(super) fn tell_acknowledge(&self, time: u64) {
        self.note(|untold| untold.acknowledge = Some(time));
    }

    pub(super) fn tell_credit(&self, number: u64, bytes: u64) {
        self.note(|untold| *untold.credits.entry(number).or_default() += bytes);
    }

    pub(super) fn tell_missed(&self, number: u64, gate: Arc<Gate>) {
        self.note(|untold| untold.missed.push((number, gate)));
    }

    fn note(&self, note: impl FnOnce(&mut Untold)) {
        note(&mut self.untold());
        self.news.notify_one();
    }

    /// What is to be told, from now on as told.
    pub(super) fn take_untold(&self) -> Untold {
        mem::take(&mut self.untold())
    }

    /// The account of what the other node publishes under that number, with the window that it has.
    pub(super) fn account(self: &Arc<Self>, number: u64, window: Option<usize>) -> Arc<Account> {
        let tell_at = window.map_or(0, window::unsaid);
        let mut accounts = self.accounts();
        let account = accounts.entry(number).or_insert_with(|| Account::new(self, number, tell_at));
        Arc::clone(account)
    }

    /// Tells the other node what it is to be told, until it listens no more.
    pub(super) async fn tell(&self, directory: &Directory) -> SendError {
        loop {
            self.news.notified().await;
            let (untold, now) = directory.untold(self);
            // In a box, since a line that has nothing to tell, as most have, needs no room for it.
            if let Err(error) = Box::pin(self.tell_all(directory, untold, now)).await {
                return error;
            }
        }
    }

    async fn tell_all(
        &self,
        directory: &Directory,
        untold: Untold,
        now: u64,
    ) -> Result<(), SendError> {
        let Untold { mark, changed, acknowledge, credits, missed } = untold;
        if let Some(time) = acknowledge {
            self.send(&Control::Acknowledge(time)).await?;
        }
        for (number, bytes) in credits {
            self.send(&Control::Credit { number, bytes }).await?;
        }
        for (number, gate) in missed {
            let messages = gate.missed();
            self.send(&Control::Missed { number, messages }).await?;
            if gate.told_missed(messages) {
                self.tell_missed(number, gate);
            }
        }
        for number in changed {
            let said = directory.numbered(number).and_then(|entry| entry.announcement(number));
            // What was received until now counts for the window that it had; and nothing is kept
            // of what is over.
            let account = self.accounts().remove(&number);
            drop(account);
            self.send(&said.unwrap_or(Control::Unsubscribe { number })).await?;
        }
        if mark {
            self.send(&Control::Mark(now)).await?;
        }
        Ok(())
    }

    async fn send(&self, control: &Control) -> Result<(), SendError> {
        self.channel.send(frame::control(control)).await
    }

    fn untold(&self) -> MutexGuard<'_, Untold> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<u64, Arc<Account>>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
