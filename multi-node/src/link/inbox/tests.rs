//! The inbox beside a model of it, which knows messages one by one and no bytes.

use std::collections::VecDeque;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::link::frame::Kind;
use crate::link::lane::Lane;

const POLICIES: [WhenFull; 4] =
    [WhenFull::Wait, WhenFull::DropNewest, WhenFull::DropOldest, WhenFull::Close];

/// What a handler is to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Message { number: u64, size: usize },
    Missing(u64),
}

#[derive(Debug)]
struct Model {
    window: usize,
    when_full: WhenFull,
    items: VecDeque<Item>,
    bytes: usize,
    dropping: bool,
    closed: bool,
}

impl Model {
    fn receive(&mut self, run: &[(u64, usize)]) {
        if self.closed {
            return;
        }
        for (number, size) in run.iter().copied() {
            if self.when_full == WhenFull::DropOldest {
                self.drop_oldest(size);
            }
            let fits = self.bytes == 0 || self.bytes + size <= self.window;
            if self.when_full == WhenFull::Wait || (fits && !self.dropping) {
                self.bytes += size;
                self.items.push_back(Item::Message { number, size });
            } else {
                self.dropping = true;
                self.closed = self.when_full == WhenFull::Close;
                match self.items.back_mut() {
                    Some(Item::Missing(missing)) => *missing += 1,
                    _ => self.items.push_back(Item::Missing(1)),
                }
            }
        }
    }

    fn drop_oldest(&mut self, size: usize) {
        let mut missing = 0;
        while self.bytes > 0 && self.bytes + size > self.window {
            match self.items.pop_front().unwrap() {
                Item::Message { size, .. } => {
                    self.bytes -= size;
                    missing += 1;
                }
                Item::Missing(messages) => missing += messages,
            }
        }
        if missing > 0 {
            match self.items.front_mut() {
                Some(Item::Missing(messages)) => *messages += missing,
                _ => self.items.push_front(Item::Missing(missing)),
            }
        }
    }

    fn take(&mut self) -> Option<Item> {
        let item = self.items.pop_front();
        if let Some(Item::Message { size, .. }) = item {
            self.bytes -= size;
            self.dropping = false;
        }
        item
    }
}

/// A sender, the inbox and a handler, and the model beside them.
struct Channel {
    lane: Lane,
    inbox: Inbox,
    model: Model,
    /// Sent and not received yet, in bytes and as the model has it.
    under_way: (Vec<u8>, Vec<(u64, usize)>),
    sent: u64,
    batch: Vec<u8>,
    /// Messages that the handler got, or was told to be missing.
    accounted: u64,
}

impl Channel {
    fn new(window: usize, when_full: WhenFull) -> Self {
        let (items, bytes, dropping, closed) = (VecDeque::new(), 0, false, false);
        Channel {
            lane: Lane::new(0, window, usize::MAX),
            inbox: Inbox::new(window, when_full),
            model: Model { window, when_full, items, bytes, dropping, closed },
            under_way: (Vec::new(), Vec::new()),
            sent: 0,
            batch: Vec::new(),
            accounted: 0,
        }
    }

    /// Sends a message, if the sender may.
    fn send(&mut self, size: usize, whole: bool) {
        if !self.lane.fits(size) {
            self.deliver(whole);
            self.lane.credit(self.inbox.starve());
        }
        if self.lane.fits(size) {
            self.lane.charge(size);
            self.under_way.0.extend(message(self.sent, size));
            self.under_way.1.push((self.sent, size));
            self.sent += 1;
        } else {
            let is_waited_for = self.model.when_full == WhenFull::Wait && self.model.bytes > 0;
            assert!(is_waited_for || self.model.closed, "a sender waits for a handler");
        }
    }

    /// All that is under way arrives at once.
    fn deliver(&mut self, whole: bool) {
        let (bytes, run) = mem::take(&mut self.under_way);
        if run.is_empty() {
            return;
        }
        self.model.receive(&run);
        let was_open = self.inbox.ended().is_none();
        let frames = if whole { Frames::Whole(bytes) } else { Frames::Shared(&bytes) };
        let arrival = self.inbox.receive(frames).unwrap();
        self.lane.credit(arrival.credit);
        assert_eq!(arrival.closes, was_open && self.model.closed);
        assert_eq!(self.inbox.backlog.cost(), self.model.bytes);
        let messages = self.model.items.iter().filter(|item| matches!(item, Item::Message { .. }));
        assert!(self.model.bytes <= self.model.window || messages.count() == 1);
    }

    /// What the handler takes; `None` when there is nothing.
    fn take(&mut self) -> Option<Vec<Item>> {
        let mut cx = Context::from_waker(Waker::noop());
        self.batch.clear();
        let items = match self.inbox.poll_take(&mut cx, &mut self.batch) {
            Poll::Pending | Poll::Ready(None) if !self.model.items.is_empty() => {
                panic!("nothing, where there is {:?}", self.model.items)
            }
            Poll::Pending => {
                assert!(!self.model.closed);
                return None;
            }
            Poll::Ready(None) => {
                assert!(self.model.closed);
                return None;
            }
            Poll::Ready(Some(Taken::WithFds { .. })) => panic!("none has fds"),
            Poll::Ready(Some(Taken::Missing(messages))) => vec![Item::Missing(messages)],
            Poll::Ready(Some(Taken::Frames { from })) => {
                self.lane.credit(self.inbox.consume(self.batch.len() - from));
                read(&self.batch[from..])
            }
        };
        for item in items.iter().copied() {
            assert_eq!(self.model.take(), Some(item));
            self.accounted += match item {
                Item::Message { .. } => 1,
                Item::Missing(messages) => messages,
            };
        }
        Some(items)
    }
}

/// A frame of `size` bytes that says which it is.
fn message(number: u64, size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoded: Result<(), ()> = frame::append(&mut bytes, 0, Kind::Data, |buffer| {
        buffer.extend(number.to_le_bytes());
        buffer.resize(size, 0);
        Ok(())
    });
    encoded.unwrap();
    bytes
}

fn read(frames: &[u8]) -> Vec<Item> {
    let mut at = 0;
    let items = frame::sizes(frames).map(|size| {
        let payload = frame::payload(&frames[at..]);
        at += size;
        Item::Message { number: u64::from_le_bytes(*payload.first_chunk().unwrap()), size }
    });
    items.collect()
}

#[derive(Debug, Clone)]
enum Step {
    Send { size: usize },
    Deliver { whole: bool },
    Take,
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![8 => 16..200usize, 2 => 16..3000usize, 1 => 16..40_000usize];
    prop_oneof![
        8 => size.prop_map(|size| Step::Send { size }),
        3 => any::<bool>().prop_map(|whole| Step::Deliver { whole }),
        1 => Just(Step::Take),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_and_is_taken_the_order_the_counts_and_the_bound_are_kept(
        window in prop_oneof![0..2000usize, 0..50_000usize],
        steps in vec(step(), 1..300),
    ) {
        for when_full in POLICIES {
            let mut channel = Channel::new(window, when_full);
            for step in steps.iter().cloned() {
                match step {
                    Step::Send { size } => channel.send(size, false),
                    Step::Deliver { whole } => channel.deliver(whole),
                    Step::Take => drop(channel.take()),
                }
            }
            channel.deliver(false);
            while channel.take().is_some() {}
            assert_eq!(channel.inbox.backlog.cost(), 0);
            assert!(channel.model.closed || channel.accounted == channel.sent);
        }
    }
}

/// What a handler gets that begins once messages of these sizes came, one by one.
fn left_of(window: usize, when_full: WhenFull, sizes: &[usize]) -> Vec<Item> {
    let mut channel = Channel::new(window, when_full);
    for size in sizes {
        channel.send(*size, false);
        channel.deliver(false);
    }
    std::iter::from_fn(|| channel.take()).flatten().collect()
}

fn messages(numbers: impl Iterator<Item = u64>) -> Vec<Item> {
    numbers.map(|number| Item::Message { number, size: 16 }).collect()
}

#[test]
fn each_choice_leaves_what_it_says() {
    let left_of = |when_full| left_of(4 * 16, when_full, &[16; 10]);
    let first = messages(0..4);
    assert_eq!(left_of(WhenFull::Wait), first);
    assert_eq!(left_of(WhenFull::DropNewest), [&first[..], &[Item::Missing(6)]].concat());
    assert_eq!(left_of(WhenFull::Close), [&first[..], &[Item::Missing(1)]].concat());
    let last = messages(6..10);
    assert_eq!(left_of(WhenFull::DropOldest), [&[Item::Missing(6)], &last[..]].concat());
}

#[test]
fn a_window_and_more_at_once_is_an_overrun_whatever_was_chosen() {
    for when_full in POLICIES {
        let mut inbox = Inbox::new(4 * 16, when_full);
        let frames: Vec<u8> = (0..5).flat_map(|number| message(number, 16)).collect();
        assert!(matches!(inbox.receive(Frames::Shared(&frames)), Err(Overrun)));
        assert!(inbox.receive(Frames::Shared(&frames[..4 * 16])).is_ok());
    }
}

#[test]
fn a_message_larger_than_the_window_comes_where_nothing_waits_and_is_dropped_like_any_other() {
    let large = Item::Message { number: 0, size: 1000 };
    for when_full in [WhenFull::DropNewest, WhenFull::Close] {
        assert_eq!(left_of(64, when_full, &[1000, 16]), [large, Item::Missing(1)]);
    }
    let small = Item::Message { number: 1, size: 16 };
    assert_eq!(left_of(64, WhenFull::DropOldest, &[1000, 16]), [Item::Missing(1), small]);
}
