//! Nodes that are joined in any order while they subscribe and publish.

use std::collections::{BTreeSet, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::churn::silent_link;
use super::*;
use crate::policy::mesh::{Mesh, Pair, Step};

/// As long as a node that says nothing is waited for, and a little.
const PATIENCE: Duration = Duration::from_secs(11);

/// A node that nobody has joined to any other yet.
fn unlinked(id: u64) -> Hub {
    Hub::new(NodeId(id), messaging(), Handle::current(), Box::new(|_| {}))
}

fn publishing(topic: &Topic<Number>, number: u64) -> JoinHandle<Vec<u64>> {
    let topic = topic.clone();
    tokio::spawn(async move { reached(&topic, &Number(number)).await })
}

#[tokio::test]
async fn who_asks_for_links_last_publishes_to_those_who_subscribed_before() {
    let (a, b) = (hub(0), unlinked(1));
    let mut subscription = subscribe(&topic::<Number>(&a, "room")).await;
    let publishing = publishing(&topic(&b, "room"), 1);
    let_others_run(20).await;
    assert!(!publishing.is_finished(), "it does not know yet who is there");
    join((&a, 0), (&b, 1), LinkKind::Messages);
    b.all_linked(LinkKind::Messages);
    assert_eq!(soon(publishing).await.unwrap(), [0]);
    assert_eq!(next(&mut subscription).await, (1, Number(1)));
}

#[tokio::test]
async fn who_asks_for_links_last_has_subscribed_once_all_know_who_asked_before() {
    let (a, b) = (hub(0), unlinked(1));
    let publisher = topic::<Number>(&a, "room");
    assert_eq!(reached(&publisher, &Number(0)).await, []);
    let subscriber = topic::<Number>(&b, "room");
    let subscribing = tokio::spawn(async move { subscriber.subscribe().await });
    let_others_run(20).await;
    assert!(!subscribing.is_finished(), "it does not know yet who is there");
    join((&a, 0), (&b, 1), LinkKind::Messages);
    b.all_linked(LinkKind::Messages);
    let mut subscription = soon(subscribing).await.unwrap();
    assert_eq!(reached(&publisher, &Number(1)).await, [1]);
    assert_eq!(next(&mut subscription).await, (0, Number(1)));
}

#[tokio::test]
async fn a_node_that_publishes_without_waiting_reaches_whom_it_knows() {
    let b = unlinked(1);
    let room = topic::<Number>(&b, "room");
    assert_eq!(room.try_publish(&Number(1)).unwrap(), crate::Broadcast::default());
}

#[tokio::test(start_paused = true)]
async fn a_stuck_node_holds_up_the_first_who_subscribe_and_for_a_while_only() {
    let (hubs, topics) = topics::<Number>(2, "room");
    let _stuck = silent_link(&hubs[0], 7);
    let began = Instant::now();
    let mut subscription = subscribe(&topics[0]).await;
    assert!((Duration::from_secs(9)..PATIENCE).contains(&began.elapsed()));
    assert_eq!(reached(&topics[1], &Number(1)).await, [0]);
    assert_eq!(next(&mut subscription).await, (1, Number(1)));
    let began = Instant::now();
    let other = topic::<Number>(&hubs[0], "other");
    let _second = subscribe(&other).await;
    assert_eq!(reached(&topic(&hubs[1], "other"), &Number(2)).await, [0]);
    assert!(began.elapsed() < Duration::from_secs(1), "it was not waited for again");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_stuck_catches_up_and_is_waited_for_again() {
    let (a, stuck) = (hub(0), Mortal::new(1));
    join((&a, 0), (&stuck.hub, 1), LinkKind::Messages);
    let (one, two) = (topic::<Number>(&a, "one"), topic::<Number>(&a, "two"));
    let (at_one, at_two) = (topic(&stuck.hub, "one"), topic(&stuck.hub, "two"));
    let (stands_still, still) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    stuck.runtime.spawn(async move {
        stands_still.send(()).unwrap();
        released.recv().unwrap_or_default();
    });
    still.recv().unwrap();
    let mut first = subscribe(&one).await;
    assert_eq!(at_one.subscribers(), []);
    drop(release);
    really(async {
        while at_one.subscribers().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(really(reached(&at_one, &Number(1))).await, [0]);
    assert_eq!(really(next(&mut first)).await, (1, Number(1)));
    // What it answers goes before what it says itself: it has answered when the second is in effect.
    for name in ["of its own", "of its own, too"] {
        really(topic::<Number>(&stuck.hub, name).subscribe()).await;
    }
    let mut second = really(two.subscribe()).await;
    assert_eq!(really(reached(&at_two, &Number(2))).await, [0]);
    assert_eq!(really(next(&mut second)).await, (1, Number(2)));
    stuck.die();
}

#[tokio::test(start_paused = true)]
async fn a_stuck_node_holds_up_the_first_publish_of_another_for_a_while_only() {
    let (a, b) = (hub(0), unlinked(1));
    let _subscription = subscribe(&topic::<Number>(&a, "room")).await;
    let room = topic::<Number>(&b, "room");
    let _stuck = silent_link(&b, 7);
    join((&a, 0), (&b, 1), LinkKind::Messages);
    b.all_linked(LinkKind::Messages);
    let began = Instant::now();
    assert_eq!(reached(&room, &Number(1)).await, [0]);
    assert!((Duration::from_secs(9)..PATIENCE).contains(&began.elapsed()));
    assert_eq!(reached(&room, &Number(2)).await, [0]);
    assert!(began.elapsed() < PATIENCE, "only the first waits");
}

#[tokio::test(start_paused = true)]
async fn a_stuck_master_holds_up_nobody_for_ever() {
    let hub = unlinked(0);
    let room = topic::<Number>(&hub, "room");
    let mut subscription = subscribe(&room).await;
    assert_eq!(reached(&room, &Number(1)).await, [0]);
    assert_eq!(next(&mut subscription).await, (0, Number(1)));
}

const NODES: u64 = 4;

/// What may happen next, to one of the nodes.
#[derive(Debug, Clone, Copy)]
enum Next {
    Subscribe(usize),
    Publish(usize),
    /// The master hears what it asked for.
    Ask(usize),
    /// The master decides one more link.
    Decide,
    /// It takes what the master handed to it.
    Take(usize),
    /// All run for a while.
    Run(usize),
}

fn any_next() -> impl Strategy<Value = Next> {
    let node = || 0..NODES as usize;
    prop_oneof![
        2 => node().prop_map(Next::Subscribe),
        3 => node().prop_map(Next::Publish),
        2 => node().prop_map(Next::Ask),
        3 => Just(Next::Decide),
        4 => node().prop_map(Next::Take),
        4 => (1..8usize).prop_map(Next::Run),
    ]
}

/// What the master hands to a node.
enum Parcel {
    Link(u64, OwnedFd),
    Linked,
}

/// Nodes and a master that takes its time.
struct World {
    hubs: Vec<Hub>,
    asked: Arc<Mutex<BTreeSet<u64>>>,
    mesh: Mesh<LinkKind>,
    handed: Vec<VecDeque<Parcel>>,
    /// The nodes whose subscription is in effect.
    subscribed: Arc<Mutex<BTreeSet<u64>>>,
    tasks: JoinSet<()>,
}

impl World {
    fn new() -> Self {
        let (asked, mut mesh) = (Arc::<Mutex<BTreeSet<u64>>>::default(), Mesh::new());
        let hub = |id| {
            let asked = Arc::clone(&asked);
            mesh.joined(NodeId(id));
            let want = move |_| {
                asked.lock().unwrap().insert(id);
            };
            Hub::new(NodeId(id), messaging(), Handle::current(), Box::new(want))
        };
        World {
            hubs: (0..NODES).map(hub).collect(),
            asked,
            mesh,
            handed: (0..NODES).map(|_| VecDeque::new()).collect(),
            subscribed: Arc::default(),
            tasks: JoinSet::new(),
        }
    }

    async fn happens(&mut self, next: Next) {
        match next {
            Next::Subscribe(node) => self.subscribe(node),
            Next::Publish(node) => self.publish(node),
            Next::Ask(node) => {
                if self.asked.lock().unwrap().remove(&(node as u64)) {
                    self.mesh.wants(NodeId(node as u64), LinkKind::Messages);
                }
            }
            Next::Decide => match self.mesh.poll() {
                Some(Step::Link(Pair { a: NodeId(a), b: NodeId(b), .. })) => {
                    let (to_b, to_a) = stream_pair().unwrap();
                    self.handed[a as usize].push_back(Parcel::Link(b, to_b));
                    self.handed[b as usize].push_back(Parcel::Link(a, to_a));
                }
                Some(Step::Linked { node: NodeId(node), .. }) => {
                    self.handed[node as usize].push_back(Parcel::Linked);
                }
                None => {}
            },
            Next::Take(node) => match self.handed[node].pop_front() {
                Some(Parcel::Link(peer, socket)) => {
                    self.hubs[node].link(NodeId(peer), LinkKind::Messages, socket);
                }
                Some(Parcel::Linked) => self.hubs[node].all_linked(LinkKind::Messages),
                None => {}
            },
            Next::Run(turns) => let_others_run(turns).await,
        }
    }

    fn subscribe(&mut self, node: usize) {
        let room = topic::<Number>(&self.hubs[node], "room");
        let subscribed = Arc::clone(&self.subscribed);
        self.tasks.spawn(async move {
            let subscription = subscribe(&room).await;
            subscribed.lock().unwrap().insert(node as u64);
            // It stays in effect for as long as the node.
            std::mem::forget(subscription);
        });
    }

    /// Publishes to all whose subscription is in effect now, at least.
    fn publish(&mut self, node: usize) {
        let room = topic::<Number>(&self.hubs[node], "room");
        let subscribed = self.subscribed.lock().unwrap().clone();
        self.tasks.spawn(async move {
            let reached = BTreeSet::from_iter(reached(&room, &Number(0)).await);
            assert!(reached.is_superset(&subscribed), "{reached:?} in place of {subscribed:?}");
        });
    }

    /// All that was begun comes to its end, and whatever is published then reaches everybody.
    async fn settle(mut self) {
        self.end_all().await;
        for node in 0..NODES as usize {
            self.publish(node);
        }
        self.end_all().await;
    }

    async fn end_all(&mut self) {
        for _ in 0..NODES * NODES {
            for node in 0..NODES as usize {
                for next in [Next::Ask(node), Next::Decide, Next::Take(node), Next::Run(1)] {
                    self.happens(next).await;
                }
            }
        }
        while let Some(ended) = soon(self.tasks.join_next()).await {
            ended.unwrap();
        }
    }
}

proptest! {
    #![proptest_config(crate::tests::cases(128))]

    #[test]
    fn what_is_published_reaches_whatever_is_in_effect_in_whichever_order_nodes_are_joined(
        happens in vec(any_next(), 0..120),
    ) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new();
            for next in happens {
                world.happens(next).await;
            }
            world.settle().await;
        });
    }
}
