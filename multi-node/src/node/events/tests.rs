//! The feed and its listeners, without a master.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::{Events, Feed};
use crate::config::NodeId;
use crate::event::Event;
use crate::node::feed::WAITING;

fn subscribe(feed: &Feed) -> Events {
    feed.subscribe().0
}

/// What `events` brings now.
fn next(events: &mut Events) -> Poll<Option<Event>> {
    pin!(events.recv()).poll(&mut Context::from_waker(Waker::noop()))
}

fn spawned(node: u64) -> Event {
    Event::Spawned { node: NodeId(node), slot: 1, generation: 0, pid: 40 }
}

#[test]
fn only_the_first_listener_has_to_ask() {
    let feed = Feed::default();
    let (_first, asks) = feed.subscribe();
    assert!(asks);
    assert!(!feed.subscribe().1);
}

#[test]
fn every_listener_hears_everything_in_order() {
    let feed = Feed::default();
    let mut listeners = [subscribe(&feed), subscribe(&feed)];
    feed.publish(&Event::ReloadStarted { generation: 1 });
    feed.publish(&Event::Stopping);
    for events in &mut listeners {
        assert_eq!(next(events), Poll::Ready(Some(Event::ReloadStarted { generation: 1 })));
        assert_eq!(next(events), Poll::Ready(Some(Event::Stopping)));
        assert_eq!(next(events), Poll::Pending);
    }
}

#[test]
fn who_listens_late_hears_first_of_the_workers_that_are_there() {
    let feed = Feed::default();
    feed.publish(&spawned(1));
    feed.publish(&spawned(2));
    feed.publish(&Event::Exited { node: NodeId(1), slot: 1, status: None });
    let mut late = subscribe(&feed);
    assert_eq!(next(&mut late), Poll::Ready(Some(spawned(2))));
    assert_eq!(next(&mut late), Poll::Pending);
}

#[test]
fn a_slow_listener_is_told_how_much_it_missed_and_hurts_nobody() {
    let feed = Feed::default();
    let (mut slow, mut quick) = (subscribe(&feed), subscribe(&feed));
    for nodes in 0..WAITING + 3 {
        feed.publish(&Event::Scaled { nodes });
        assert_eq!(next(&mut quick), Poll::Ready(Some(Event::Scaled { nodes })));
    }
    assert_eq!(next(&mut slow), Poll::Ready(Some(Event::Lagged { missed: 3 })));
    assert_eq!(next(&mut slow), Poll::Ready(Some(Event::Scaled { nodes: 3 })));
}

#[tokio::test]
async fn a_listener_that_waits_is_woken() {
    let feed = Feed::default();
    let mut events = subscribe(&feed);
    let (event, ()) = tokio::join!(events.recv(), async { feed.publish(&Event::Stopping) });
    assert_eq!(event, Some(Event::Stopping));
}

#[test]
fn a_feed_that_ends_ends_its_streams_once_they_are_read() {
    let feed = Feed::default();
    let mut events = subscribe(&feed);
    feed.publish(&Event::Stopping);
    feed.end();
    assert_eq!(next(&mut events), Poll::Ready(Some(Event::Stopping)));
    assert_eq!(next(&mut events), Poll::Ready(None));
    assert_eq!(next(&mut subscribe(&feed)), Poll::Ready(None));
}
