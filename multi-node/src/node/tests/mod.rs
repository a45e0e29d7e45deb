//! Nodes joined by socket pairs inside one process: every promise about messages, kept.

mod broadcast;
mod delivery;
mod fds;
mod hand_over;
mod hostile;
mod lagging;
mod log;
mod members;
mod opening;
mod pressure;
mod requests;
mod rings;
mod sending;
mod streams;
mod topics;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc;

use super::hub::Hub;
use super::peer::Peer;
use crate::config::{Messaging, NodeId, RingUse};
use crate::link::channel::ChannelConfig;
use crate::link::control::LinkKind;
use crate::link::error::TrySendError;
use crate::link::message::Message;
use crate::sys::packet::stream_pair;

/// Long enough for any machine; only a test that fails waits for it.
const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Text(String);

impl Message for Text {
    const NAME: &'static str = "Text";
    const FINGERPRINT: u64 = 1;
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Number(u64);

impl Message for Number {
    const NAME: &'static str = "Number";
    const FINGERPRINT: u64 = 2;
}

fn text(text: &str) -> Text {
    Text(text.to_owned())
}

fn hub(id: u64) -> Hub {
    hub_on(id, Handle::current())
}

fn hub_on(id: u64, runtime: Handle) -> Hub {
    hub_with(id, messaging(), runtime)
}

fn hub_with(id: u64, messaging: Messaging, runtime: Handle) -> Hub {
    let hub = Hub::new(NodeId(id), messaging, runtime, Box::new(|_| {}));
    // No master will say so.
    hub.all_linked(LinkKind::Messages);
    hub
}

/// The way of this copy of the tests.
fn messaging() -> Messaging {
    let rings = module_path!().ends_with("over_rings");
    Messaging { ring: if rings { RingUse::On } else { RingUse::Off }, ..Messaging::default() }
}

/// Joins two nodes as the master would.
fn join(a: (&Hub, u64), b: (&Hub, u64), kind: LinkKind) {
    let (left, right) = stream_pair().expect("a socket pair");
    a.0.link(NodeId(b.1), kind, left);
    b.0.link(NodeId(a.1), kind, right);
}

/// Nodes 0.. that are all joined to each other.
fn mesh(nodes: u64) -> Vec<Hub> {
    let hubs: Vec<Hub> = (0..nodes).map(hub).collect();
    for a in 0..nodes {
        for b in 0..a {
            join((&hubs[a as usize], a), (&hubs[b as usize], b), LinkKind::Messages);
        }
    }
    hubs
}

fn pair() -> (Hub, Hub) {
    let [a, b] = <[Hub; 2]>::try_from(mesh(2)).unwrap_or_else(|_| unreachable!());
    (a, b)
}

/// Registers a handler that hands its peer out to the test.
fn peers<M: Message>(hub: &Hub, config: ChannelConfig) -> mpsc::UnboundedReceiver<Peer<M>> {
    let (give, take) = mpsc::unbounded_channel();
    let give = Arc::new(give);
    hub.on_node(config, move |peer| {
        let give = Arc::clone(&give);
        async move { give.send(peer).unwrap_or_default() }
    });
    take
}

/// Opens one channel between two fresh nodes.
async fn channel<M: Message>(config: ChannelConfig) -> (Hub, Peer<M>, Hub, Peer<M>) {
    let (a, b) = pair();
    let (mut at_a, mut at_b) = (peers(&a, config), peers(&b, config));
    let (left, right) = (soon(at_a.recv()).await.unwrap(), soon(at_b.recv()).await.unwrap());
    (a, left, b, right)
}

/// A node that can die: it has a runtime of its own.
struct Mortal {
    hub: Hub,
    runtime: Runtime,
}

impl Mortal {
    fn new(id: u64) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let hub = hub_on(id, runtime.handle().clone());
        Mortal { hub, runtime }
    }

    /// Stops its only thread, until the result is sent to or dropped.
    fn stop(&self) -> std::sync::mpsc::Sender<()> {
        let (go_on, stopped) = std::sync::mpsc::channel();
        let (now, is_stopped) = std::sync::mpsc::channel();
        self.runtime.spawn(async move {
            now.send(()).unwrap();
            stopped.recv_timeout(DEADLINE).unwrap_or_default();
        });
        is_stopped.recv_timeout(DEADLINE).unwrap();
        go_on
    }

    /// Ends as a process does: nothing of it runs any more, and its sockets close.
    fn die(self) {
        self.runtime.shutdown_background();
    }
}

fn small_window() -> ChannelConfig {
    ChannelConfig::new().window(1024)
}

/// Sends until the window is full; returns how many went.
fn fill(peer: &Peer<Number>) -> u64 {
    for n in 0.. {
        match peer.try_send(&Number(n)) {
            Ok(()) => {}
            Err(TrySendError::Full) => return n,
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!()
}

/// What comes of `future`, which must not take long.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("in time")
}

/// As [`soon`], for what another thread does: the clock of this test stands still meanwhile.
async fn really<T>(future: impl Future<Output = T>) -> T {
    let (mut future, deadline) = (pin!(future), std::time::Instant::now() + DEADLINE);
    std::future::poll_fn(|cx| {
        assert!(std::time::Instant::now() < deadline, "in time");
        cx.waker().wake_by_ref();
        future.as_mut().poll(cx)
    })
    .await
}

/// Lets every other task run until it waits, `turns` times over.
async fn let_others_run(turns: usize) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}
