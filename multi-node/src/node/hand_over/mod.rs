//! Live connections that go from one node to another, over one channel a message type.
//!
//! ```text
//!   who hands over                                         who takes
//!   hand_over ─ place ─ Here, with the fd ─▶ channel ─▶ ear ─▶ held, counted, not served
//!      ▲                                                  │
//!      └──────────── Held, or Refused ◀───────────────────┘
//!      └──── let go of, Yours ─────────────▶ channel ─▶ ear ─▶ handler, in a task of its own
//! ```
//!
//! Both have the connection in between, and it is the first one's until `Yours`: whatever happens
//! before, a death, a timeout, no room, it is given back to who called `hand_over`, and the other
//! side lets go of its copy. So two nodes never serve one connection, and it is not lost either.
//! From `Yours` on it is the other's, as if it had been accepted there.
//!
//! From the bottom up: `word` (what is said), `line` (one type, one other node), `exchange` (one
//! type, and what hears).

mod ends;
mod error;
mod exchange;
mod line;
mod word;

use std::future::Future;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

pub use error::{HandOverError, NotHandedOver};
pub(super) use exchange::Adopt;
pub(super) use word::Refused;

use exchange::{HandOvers, Start, Taker};
use line::Line;
use word::Word;

use super::connection::Connection;
use super::exchange::Line as _;
use super::handler;
use super::hub::Hub;
use crate::config::NodeId;
use crate::link::message::Message;

/// How long a connection that is handed over waits to be taken.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

impl Hub {
    /// Has `adopt` take over every connection that is handed to this node with a message of this
    /// type, and runs `handler` on it, in a task of its own.
    ///
    /// # Panics
    /// When there is a handler for `M` already, or another type has its name.
    #[track_caller]
    pub(super) fn on_hand_over<M, F, Fut>(&self, adopt: Adopt, handler: F)
    where
        M: Message,
        F: Fn(M, Connection) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let start: Start<M> = Box::new(move |runtime, node, message, connection| {
            let handler = Arc::clone(&handler);
            runtime.spawn(handler::run(node, M::NAME, move || handler(message, connection)));
        });
        let mut first = false;
        self.hand_overs(|hand_overs| first = hand_overs.serve(Taker { adopt, start }));
        assert!(first, "`on_hand_over` was called before for the message type {}", M::NAME);
    }

    /// Hands a connection over to a node, and waits so long until that has taken it.
    ///
    /// # Errors
    /// The connection, and why.
    ///
    /// # Panics
    /// When another message type has the name of `M`.
    pub(super) async fn hand_over<M: Message>(
        &self,
        node: NodeId,
        connection: Connection,
        message: &M,
        timeout: Duration,
    ) -> Result<(), HandOverError> {
        let Some(line) = self.hand_overs::<M>(|_| ()).line(node) else {
            return Err(HandOverError::new(connection, NotHandedOver::NotOpen { node }));
        };
        let handing = {
            // Whoever asks may be on a runtime that keeps no time, or on none.
            let _context = self.runtime().enter();
            tokio::time::timeout(timeout, self.hand_along(&line, &connection, message))
        };
        let outcome = handing.await.unwrap_or(Err(NotHandedOver::TimedOut { after: timeout }));
        outcome.map_err(|why| HandOverError::new(connection, why))
    }

    /// Whether the channel to a node is open.
    #[cfg(test)]
    pub(super) fn can_hand_over<M: Message>(&self, node: NodeId) -> bool {
        self.hand_overs::<M>(|_| ()).line(node).is_some()
    }

    async fn hand_along<M: Message>(
        &self,
        line: &Arc<Line>,
        connection: &Connection,
        message: &M,
    ) -> Result<(), NotHandedOver> {
        let mut handing = line.begin().await?;
        let fd = connection.as_fd().try_clone_to_owned();
        let fd = fd.map_err(|_| NotHandedOver::NoRoom { node: self.id() })?;
        let here = Word::Here {
            id: handing.id(),
            listener: connection.listener(),
            peer: connection.peer_addr().clone(),
            unread: connection.put_back(),
            message,
        };
        handing.send(&here, fd).await?;
        let answer = handing.answer().await?;
        answer.map_err(|why| NotHandedOver::refused(line.node(), why))?;
        Ok(handing.yours().await?)
    }

    #[track_caller]
    fn hand_overs<M: Message>(&self, prepare: impl FnOnce(&HandOvers<M>)) -> Arc<HandOvers<M>> {
        self.exchange(HandOvers::new, prepare)
    }
}
