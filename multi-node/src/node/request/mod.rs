//! Requests and their replies, over one ordinary channel a request type.
//!
//! The channel opens between two nodes that both have the type: one has it from `on_request`, or
//! from when it first asks. Both sides ask and answer on it:
//!
//! ```text
//!   asker                                                      handler's node
//!   call ── place ── Ask ──▶ channel ──▶ hear ──▶ handler, in a task of its own
//!     ▲                                                     │ Asker
//!   waiting ◀── hear ◀── channel ◀── Reply, Nothing ◀───────┘
//! ```
//!
//! `hear` reads the channel of one type from one node, all the time; it waits for no handler and
//! for no window, so the requests of both sides cannot hold each other up. What bounds them is
//! counted by the asker: at most [`waiting::AT_ONCE`] of one type are under way from one node to
//! another, and the next waits for its place. A place is free when the other side has answered,
//! also a request that was given up: so the bound is that of the handlers that run.
//!
//! From the bottom up: `waiting` and `running` (who waits for what, on either side; no I/O),
//! `intake` (how a node that leaves stops taking requests), `word` (what is said), `line` (one
//! type, one other node), `exchange` (one type), `call` and `asker` (one request, from either
//! side).

mod asker;
mod call;

mod ends;
mod error;
mod exchange;
mod intake;
mod line;
mod running;
mod waiting;
mod word;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

pub use asker::Asker;
pub use error::{ReplyError, RequestError};

use exchange::{OnRequest, Requests};
pub(super) use intake::Intake;
#[cfg(test)]
pub(super) use waiting::AT_ONCE;

use super::handler;
use super::hub::Hub;
use crate::config::NodeId;
use crate::link::message::Request;

/// How long `request` waits for a reply.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

impl Hub {
    /// Runs `handler` for every request of this type, each in a task of its own.
    ///
    /// # Panics
    /// When there is a handler for `Q` already, or another request type has its name.
    #[track_caller]
    pub(crate) fn on_request<Q, F, Fut>(&self, handler: F)
    where
        Q: Request,
        F: Fn(Q, Asker<Q>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let on_request: OnRequest<Q> = Box::new(move |runtime, request, asker| {
            let (node, handler) = (asker.id(), Arc::clone(&handler));
            runtime.spawn(handler::run(node, Q::NAME, move || handler(request, asker)));
        });
        let mut first = false;
        self.requests(|requests| first = requests.serve(on_request));
        assert!(first, "`on_request` was called before for the message type {}", Q::NAME);
    }

    /// Asks one node, and waits for the reply for so long.
    ///
    /// # Errors
    /// See [`RequestError`].
    ///
    /// # Panics
    /// When another request type has the name of `Q`.
    pub(crate) async fn request<Q: Request>(
        &self,
        node: NodeId,
        request: &Q,
        timeout: Duration,
    ) -> Result<Q::Reply, RequestError> {
        let requests = self.requests::<Q>(|_| ());
        let line = requests.line(node).ok_or(RequestError::NotOpen { node })?;
        let reply = {
            // Whoever asks may be on a runtime that keeps no time, or on none.
            let _context = self.runtime().enter();
            tokio::time::timeout(timeout, call::call(&line, request))
        };
        reply.await.unwrap_or(Err(RequestError::TimedOut { after: timeout }))
    }

    /// The nodes that have said that they have a handler.
    pub(crate) fn askable<Q: Request>(&self) -> Vec<NodeId> {
        self.requests::<Q>(|_| ()).served_by()
    }

    /// Takes no more requests, and waits until those that run have been answered.
    pub(crate) async fn finish_requests(&self) {
        self.intake().close().await;
    }

    #[track_caller]
    fn requests<Q: Request>(&self, prepare: impl FnOnce(&Requests<Q>)) -> Arc<Requests<Q>> {
        self.exchange(|| Requests::new(Arc::clone(self.intake())), prepare)
    }
}
