//! All topics of this node, and the nodes that are told which of them it has subscribed to.
//!
//! Subscribing takes three steps. The subscription is noted here, and the clock goes on; each other
//! node is told, by the task of its [`Line`], and answers up to which time it knows; and when all
//! of them know, it is in effect. A node that comes meanwhile is told first thing, and waited for
//! too. Who has to answer, and for how long that is waited for, is [`Roll`]'s to say.
//!
//! Locked before a topic's [`Entry`], never after. Who publishes comes here once in a node's life.

use std::collections::{BTreeSet, HashMap};
use std::future::poll_fn;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::ear::Ear;
use super::entry::{Entry, Kind, News};
use super::line::{Line, Untold};
use super::queue::Queue;
use super::roll::{PATIENCE, Roll};
use super::waiters::Waiters;
use crate::config::NodeId;
use crate::link::channel::Channel;
use crate::report;

/// How often those are counted who are waited for and say nothing. Short beside the whole wait, so
/// that a time in which this node itself stood still counts for little.
const TICK: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(crate) struct Directory {
    me: NodeId,
    runtime: Handle,
    state: Mutex<State>,
    /// What this node publishes reaches the subscriptions of all others, for good.
    may_publish: AtomicBool,
    publishers: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Counts what the other nodes are told.
    clock: u64,
    kinds: Vec<Topics>,
    /// What this node has subscribed to, by number.
    numbered: HashMap<u64, Arc<Entry>>,
    roll: Roll,
    /// Every linked node; `None` until its channel of topics has opened.
    lines: HashMap<NodeId, Option<Arc<Line>>>,
    /// Who waits for them to know.
    waiters: Waiters,
    /// Whether the ticks are counted.
    ticking: bool,
}

/// The topics of one message type.
#[derive(Debug)]
struct Topics {
    kind: Arc<Kind>,
    by_name: HashMap<Arc<str>, Weak<Entry>>,
}

impl Directory {
    pub(crate) fn new(me: NodeId, runtime: Handle) -> Arc<Self> {
        Arc::new(Directory {
            me,
            runtime,
            state: Mutex::default(),
            may_publish: AtomicBool::new(false),
            publishers: Notify::new(),
        })
    }

    /// There is a link to a node, whose channel of topics is going to open.
    pub(crate) fn expect(&self, node: NodeId) {
        let mut state = self.state();
        state.roll.linked(node);
        state.lines.insert(node, None);
    }

    /// There is a link to every node that asked for them before this one did.
    pub(crate) fn all_linked(&self) {
        self.change(|state| state.roll.all_linked());
    }

    /// The channel of topics to a node has opened.
    pub(crate) fn open(self: &Arc<Self>, runtime: &Handle, channel: Arc<Channel>) {
        let line = {
            let mut state = self.state();
            let numbers: BTreeSet<u64> = state.numbered.keys().copied().collect();
            let line = Line::new(channel, numbers);
            if let Some(expected) = state.lines.get_mut(&line.node()) {
                *expected = Some(Arc::clone(&line));
            }
            line
        };
        let (directory, ear) = (Arc::clone(self), Ear::new(Arc::clone(self), Arc::clone(&line)));
        runtime.spawn(async move {
            let tell = async {
                line.tell(&directory).await;
                // A node that listens no more may have said something before.
                std::future::pending().await
            };
            tokio::select! {
                () = ear.hear() => {}
                () = tell => {}
            }
        });
    }

    /// The link to a node has ended.
    pub(crate) fn gone(&self, node: NodeId) {
        self.change(|state| state.forget(node));
    }

    /// The channel of topics to a node has ended.
    pub(super) fn part(&self, line: &Arc<Line>) {
        self.change(|state| {
            let known = state.lines.get(&line.node()).and_then(Option::as_ref);
            if known.is_some_and(|known| Arc::ptr_eq(known, line)) {
                state.forget(line.node());
            }
        });
    }

    /// A node knows of all subscriptions of this one up to this time.
    pub(super) fn knows(&self, node: NodeId, time: u64) {
        self.change(|state| state.roll.knows(node, time));
    }

    /// A node has told what it has subscribed to.
    pub(super) fn told(&self, node: NodeId) {
        self.change(|state| state.roll.told(node));
    }

    /// Lets those go on who waited for what `change` makes of the roll.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let (changed, ready, all_told) = {
            let mut state = self.state();
            let changed = change(&mut state);
            let known = state.roll.known();
            let all_told = !self.may_publish() && state.roll.all_told();
            (changed, state.waiters.reached(known), all_told)
        };
        ready.into_iter().for_each(Waker::wake);
        if all_told {
            self.may_publish.store(true, Ordering::Release);
            self.publishers.notify_waiters();
        }
        changed
    }

    /// Whether what this node publishes reaches the subscriptions of all others.
    pub(super) fn may_publish(&self) -> bool {
        self.may_publish.load(Ordering::Acquire)
    }

    /// Waits until it does.
    pub(super) async fn until_may_publish(self: &Arc<Self>) {
        self.tick(&mut self.state());
        loop {
            let publishers = self.publishers.notified();
            if self.may_publish() {
                return;
            }
            publishers.await;
        }
    }

    /// Has those who say nothing be given up, for as long as somebody waits for them.
    fn tick(self: &Arc<Self>, state: &mut State) {
        if mem::replace(&mut state.ticking, true) {
            return;
        }
        let directory = Arc::clone(self);
        self.runtime.spawn(async move {
            while directory.is_waited_for() {
                tokio::time::sleep(TICK).await;
                for silent in directory.change(|state| state.roll.tick(state.clock)) {
                    report::warn!(
                        "{silent} has said nothing for {:?}: topics wait for it no longer, and \
                         what it publishes may pass by what is subscribed to now",
                        TICK * PATIENCE
                    );
                }
            }
        });
    }

    /// Whether ticks count; if not, they are over.
    fn is_waited_for(&self) -> bool {
        let mut state = self.state();
        state.ticking = !self.may_publish() || !state.waiters.is_empty();
        state.ticking
    }

    /// The topic of that name, of that type.
    pub(super) fn topic(self: &Arc<Self>, name: &str, fingerprint: u64, topic: &str) -> Arc<Entry> {
        let mut state = self.state();
        let topics = state.topics(name, fingerprint);
        if let Some(entry) = topics.by_name.get(topic).and_then(Weak::upgrade) {
            return entry;
        }
        let entry = Entry::new(Arc::downgrade(self), Arc::clone(&topics.kind), topic.into());
        topics.by_name.insert(Arc::clone(entry.name()), Arc::downgrade(&entry));
        entry
    }

    /// Nobody needs this topic any more.
    pub(super) fn forget(&self, kind: &Arc<Kind>, topic: &str) {
        let mut state = self.state();
        let topics = state.kinds.iter_mut().find(|topics| Arc::ptr_eq(&topics.kind, kind));
        if let Some(topics) = topics
            && topics.by_name.get(topic).is_some_and(|entry| entry.strong_count() == 0)
        {
            topics.by_name.remove(topic);
        }
    }

    /// Adds a subscription; returns the time that all nodes have to know of for it to be in effect.
    pub(super) fn subscribe(&self, entry: &Arc<Entry>, queue: Arc<Queue>) -> u64 {
        let mut state = self.state();
        let now = state.clock + 1;
        let news = entry.join(self.me, queue, now);
        state.tell(news, entry, now);
        entry.told()
    }

    /// Removes a subscription, if it is still there.
    pub(super) fn leave(&self, entry: &Arc<Entry>, queue: &Arc<Queue>) {
        let mut state = self.state();
        let now = state.clock + 1;
        let news = entry.leave(queue, now);
        state.tell(news, entry, now);
    }

    /// Waits until the subscriptions of that time are in effect.
    pub(super) async fn known(self: &Arc<Self>, time: u64) {
        let mut wait = Wait { directory: self, time, ticket: None };
        poll_fn(|cx| wait.poll(cx)).await;
    }

    /// The topic to which this node has subscribed under that number.
    pub(super) fn numbered(&self, number: u64) -> Option<Arc<Entry>> {
        self.state().numbered.get(&number).cloned()
    }

    /// What a node is to be told, and the time up to which it then knows all.
    pub(super) fn untold(&self, line: &Line) -> (Untold, u64) {
        let state = self.state();
        (line.take_untold(), state.clock)
    }

    /// How many topics somebody needs.
    #[cfg(test)]
    pub(in crate::node) fn len(&self) -> usize {
        self.state().kinds.iter().map(|topics| topics.by_name.len()).sum()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget(&mut self, node: NodeId) {
        self.roll.gone(node);
        self.lines.remove(&node);
    }

    fn topics(&mut self, name: &str, fingerprint: u64) -> &mut Topics {
        let is = |topics: &Topics| topics.kind.is(name, fingerprint);
        let at = self.kinds.iter().position(is).unwrap_or_else(|| {
            self.report_mismatch(name, fingerprint);
            let kind = Arc::new(Kind { name: name.to_owned(), fingerprint });
            self.kinds.push(Topics { kind, by_name: HashMap::new() });
            self.kinds.len() - 1
        });
        &mut self.kinds[at]
    }

    /// Two definitions of one name are two types, and neither hears of the other's topics.
    fn report_mismatch(&self, name: &str, fingerprint: u64) {
        let mut others = self.kinds.iter().filter(|topics| topics.kind.name == name);
        if let Some(other) = others.next() {
            let theirs = other.kind.fingerprint;
            report::warn!(
                "topics of the message {name} ({fingerprint:016x}) are not those of {name} \
                 ({theirs:016x}): the nodes run different definitions"
            );
        }
    }

    /// Has the other nodes told what changed at the time `now`.
    fn tell(&mut self, news: News, entry: &Arc<Entry>, now: u64) {
        let number = match news {
            News::None => return,
            News::Changed { number } => number,
            News::Began { number } => {
                self.numbered.insert(number, Arc::clone(entry));
                number
            }
            News::Ended { number } => {
                self.numbered.remove(&number);
                number
            }
        };
        self.clock = now;
        self.lines.values().flatten().for_each(|line| line.tell_change(number));
    }
}

/// A place among those who wait, given up when dropped.
struct Wait<'a> {
    directory: &'a Arc<Directory>,
    time: u64,
    ticket: Option<u64>,
}

impl Wait<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.directory.state();
        if state.roll.known() >= self.time {
            return Poll::Ready(());
        }
        let ticket = *self.ticket.get_or_insert_with(|| state.waiters.ticket());
        state.waiters.wait(self.time, ticket, cx.waker());
        self.directory.tick(&mut state);
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.directory.state().waiters.leave(self.time, ticket);
        }
    }
}
