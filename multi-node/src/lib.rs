//! One attribute turns an async `main` into a supervised family of processes that serve one port
//! and talk to each other.
//!
//! ```no_run
//! use multi_node::Nodes;
//! use tokio::io::AsyncWriteExt;
//!
//! #[multi_node::main(port = 8080, nodes = 4)]
//! async fn main(nodes: Nodes) -> std::io::Result<()> {
//!     let listener = nodes.listener();
//!     loop {
//!         let (mut connection, _) = listener.accept().await?;
//!         let line = format!("hello from node {}\n", nodes.id());
//!         tokio::spawn(async move { connection.write_all(line.as_bytes()).await });
//!     }
//! }
//! ```
//!
//! The process that the user starts is the **master**: it binds the port, starts the **workers**
//! by executing the program again, and replaces them when they die. `main` runs in each of them,
//! the master too; each is a **node**, and [`Nodes`] is what a node knows of itself and of the
//! others.
//!
//! - The options are those of [`main`](macro@main) and of [`Builder`]; the environment
//!   (`MULTI_NODE_PORT`, `MULTI_NODE_NODES`, …) overrides both.
//! - [`Nodes::listener`] accepts: a connection goes to the node with the fewest open ones.
//!   `Nodes::serve`, with the feature `http`, serves an axum `Router` or any tower service.
//! - [`Nodes::on_node`] opens a channel of typed messages to every other node, those there and
//!   those to come. [`Nodes::topic`] sends by name, to whoever has subscribed.
//! - [`Nodes::request`] asks another node and waits for its reply, which [`Nodes::on_request`] gives.
//! - SIGHUP replaces every process, by a new version of the program if there is one, without losing
//!   a request; SIGTERM, SIGINT and SIGQUIT end the program once what is in flight is done.
//! - [`Nodes::shutdown`] tells a node to finish what is in flight and return from `main`: in a stop,
//!   and in a reload, where `main` begins anew in the node that follows, the master's own too.
//!
//! Linux only, 5.10 or newer: it builds on what Linux alone has (pidfds, `SO_REUSEPORT` balancing,
//! sealed memfds, epoll, `close_range`).

#[cfg(not(target_os = "linux"))]
compile_error!(
    "multi-node runs on Linux only: it needs pidfds, SO_REUSEPORT, memfds and the passing of file \
     descriptors; on Windows use WSL 2, on macOS a Linux container or virtual machine"
);

mod builder;
mod config;
mod error;
mod event;
mod init;
mod link;
mod master;
mod node;
mod policy;
mod rehearsal;
mod report;
mod runtime;
mod signal;
mod sys;
#[cfg(test)]
mod tests;

pub use builder::{Builder, NodeCount};
pub use config::{Addr, ExitStatus, NodeId};
pub use event::{Departure, Event, MembershipEvent};
pub use link::channel::ChannelConfig;
pub use link::error::{BroadcastError, CloseReason, FdsLost, SendError, SendToError, TrySendError};
pub use link::message::{Message, Request};
pub use link::when_full::{Lagged, WhenFull};
pub use multi_node_macros::{Message, main};
pub use node::{
    Asker, Broadcast, Connection, Delivery, Events, Framed, FramedRecvError, FramedSendError,
    HandOverError, Listener, Membership, NodeStream, Nodes, NotHandedOver, OpenGuard, Peer,
    ReplyError, RequestError, Sender, ShareError, SharedBytes, SubscribeConfig, Subscription,
    Topic, TopicNameError,
};
#[cfg(feature = "http")]
pub use node::{CloseOnDrain, CloseOnDrainFuture, CloseOnDrainLayer};
pub use runtime::{run, run_blocking};

/// Compiles what the README shows.
#[cfg(all(doctest, feature = "http"))]
#[doc = include_str!("../../README.md")]
struct Readme;

/// What the macros expand to; not for anybody else.
#[doc(hidden)]
pub mod __private {
    pub use crate::link::fingerprint;
    pub use crate::runtime::{run, run_bare, run_blocking};
}
