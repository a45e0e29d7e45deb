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

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use asker::Asker;
pub use error::{ReplyError, RequestError};

use exchange::{Exchange, OnRequest};
use intake::Intake;
#[cfg(test)]
pub(super) use waiting::AT_ONCE;
use word::Word;

use super::handler;
use super::hub::Hub;
use super::registry::{Asked, OnChannel};
use crate::config::NodeId;
use crate::link::channel::ChannelConfig;
use crate::link::message::Request;

/// How long `request` waits for a reply.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// The request types of one node.
#[derive(Default)]
pub(super) struct Requests {
    /// `Arc<Exchange<Q>>` by `Q`.
    exchanges: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    intake: Arc<Intake>,
}

impl Requests {
    fn exchanges(&self) -> MutexGuard<'_, HashMap<TypeId, Arc<dyn Any + Send + Sync>>> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
        self.exchange(|exchange| first = exchange.serve(on_request));
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
        let exchange: Arc<Exchange<Q>> = self.exchange(|_| ());
        let line = exchange.line(node).ok_or(RequestError::NotOpen { node })?;
        let reply = {
            // Whoever asks may be on a runtime that keeps no time, or on none.
            let _context = self.runtime().enter();
            tokio::time::timeout(timeout, call::call(&line, request))
        };
        reply.await.unwrap_or(Err(RequestError::TimedOut { after: timeout }))
    }

    /// The nodes that have said that they have a handler.
    pub(crate) fn askable<Q: Request>(&self) -> Vec<NodeId> {
        let exchange: Arc<Exchange<Q>> = self.exchange(|_| ());
        exchange.served_by()
    }

    /// Takes no more requests, and waits until those that run have been answered.
    pub(crate) async fn finish_requests(&self) {
        self.requests().intake.close().await;
    }

    /// A request type, prepared before the other nodes are told of it the first time.
    #[track_caller]
    fn exchange<Q: Request>(&self, prepare: impl FnOnce(&Exchange<Q>)) -> Arc<Exchange<Q>> {
        let mut exchanges = self.requests().exchanges();
        let known = exchanges.get(&TypeId::of::<Q>()).cloned();
        if let Some(exchange) = known.and_then(|any| any.downcast::<Exchange<Q>>().ok()) {
            drop(exchanges);
            prepare(&exchange);
            return exchange;
        }
        let exchange = Exchange::<Q>::new(Arc::clone(&self.requests().intake));
        prepare(&exchange);
        // Those who come meanwhile wait: they are to find the lines that this opens.
        self.introduce(&exchange);
        exchanges.insert(TypeId::of::<Q>(), Arc::<Exchange<Q>>::clone(&exchange));
        exchange
    }

    #[track_caller]
    fn introduce<Q: Request>(&self, exchange: &Arc<Exchange<Q>>) {
        let config = ChannelConfig::new();
        let (exchange, hub) = (Arc::clone(exchange), self.downgrade());
        let on_channel: OnChannel = Arc::new(move |runtime, channel| {
            exchange.open(runtime, channel, config, hub.clone());
        });
        let of = TypeId::of::<Word<Q, Q::Reply>>();
        let asked = Asked { of, offer: word::offer::<Q>(config), config, on_channel };
        let name = Q::NAME;
        assert!(self.ask(asked).is_ok(), "another request type has the name {name} too");
    }
}
