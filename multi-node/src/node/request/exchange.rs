//! One request type of this node: its handler, if there is one, and a line to every node that has
//! the type too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::runtime::Handle;

use super::asker::Asker;
use super::intake::Intake;
use super::line::Line;
use super::waiting::{Answer, Id};
use super::word::Word;
use crate::config::NodeId;
use crate::link::channel::{Channel, ChannelConfig};
use crate::link::hello::Close;
use crate::link::message::Request;
use crate::node::handler;
use crate::node::hub::WeakHub;
use crate::node::peer::Peer;

/// Starts the handler on a request, in a task of its own.
pub(super) type OnRequest<Q> = Box<dyn Fn(&Handle, Q, Asker<Q>) + Send + Sync>;

/// See the module.
pub(super) struct Exchange<Q: Request> {
    handler: OnceLock<OnRequest<Q>>,
    lines: Mutex<HashMap<NodeId, Arc<Line<Q>>>>,
    intake: Arc<Intake>,
}

impl<Q: Request> Exchange<Q> {
    pub(super) fn new(intake: Arc<Intake>) -> Arc<Self> {
        Arc::new(Exchange { handler: OnceLock::new(), lines: Mutex::default(), intake })
    }

    /// Sets the handler; false when there is one already.
    pub(super) fn serve(&self, handler: OnRequest<Q>) -> bool {
        let first = self.handler.set(handler).is_ok();
        self.lines().values().for_each(|line| line.tell(Word::Serves));
        first
    }

    /// The nodes that have a handler, in ascending order.
    pub(super) fn served_by(&self) -> Vec<NodeId> {
        let lines = self.lines();
        let served = lines.values().filter(|line| line.is_served());
        let mut nodes: Vec<NodeId> = served.map(|line| line.node()).collect();
        nodes.sort_unstable();
        nodes
    }

    /// The requests between this node and another.
    pub(super) fn line(&self, node: NodeId) -> Option<Arc<Line<Q>>> {
        self.lines().get(&node).cloned()
    }

    /// The channel to a node has opened.
    pub(super) fn open(
        self: &Arc<Self>,
        runtime: &Handle,
        channel: Arc<Channel>,
        config: ChannelConfig,
        hub: WeakHub,
    ) {
        let (node, peer) = (channel.node(), Peer::new(Arc::clone(&channel), config.window, hub));
        let line = Line::new(channel, runtime.clone());
        self.lines().insert(node, Arc::clone(&line));
        if self.handler.get().is_some() {
            line.tell(Word::Serves);
        }
        let open = Open { exchange: Arc::clone(self), line: Arc::clone(&line) };
        let (exchange, on) = (Arc::clone(self), runtime.clone());
        let hearing = handler::run(node, Q::NAME, move || hear(exchange, line, peer, on));
        runtime.spawn(async move {
            // What panics there is a `Deserialize`.
            if hearing.await.is_err() {
                open.line.abort(Close::Panicked);
            }
        });
    }

    /// A request came; false when the other side had no right to send it.
    fn take(&self, runtime: &Handle, line: &Arc<Line<Q>>, id: Id, request: Q) -> bool {
        if !line.asked(id) {
            return false;
        }
        match (self.handler.get(), self.intake.admit()) {
            (Some(handler), Some(admitted)) => {
                handler(runtime, request, Asker::new(Arc::clone(line), id, admitted));
            }
            _ => line.refuse(id, Word::NotServed { id }),
        }
        true
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<NodeId, Arc<Line<Q>>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears what the other side says. It waits for nothing else, and no handler runs in it, so that
/// two nodes that ask each other all they can never wait for each other.
async fn hear<Q: Request>(
    exchange: Arc<Exchange<Q>>,
    line: Arc<Line<Q>>,
    mut peer: Peer<Word<Q, Q::Reply>>,
    runtime: Handle,
) {
    while let Some(word) = peer.recv().await {
        match word {
            Word::Ask { id, request } => {
                if !exchange.take(&runtime, &line, id, request) {
                    return line.abort(Close::Malformed);
                }
            }
            Word::GiveUp { id } => line.given_up(id),
            Word::Reply { id, reply } => line.answered(id, Answer::Reply(reply)),
            Word::Nothing { id } => line.answered(id, Answer::Nothing),
            Word::NotServed { id } => line.answered(id, Answer::NotServed),
            Word::Serves => line.served(),
        }
    }
}

/// Ends the line when the task that hears it does, however that happens.
struct Open<Q: Request> {
    exchange: Arc<Exchange<Q>>,
    line: Arc<Line<Q>>,
}

impl<Q: Request> Drop for Open<Q> {
    fn drop(&mut self) {
        let mut lines = self.exchange.lines();
        if lines.get(&self.line.node()).is_some_and(|line| Arc::ptr_eq(line, &self.line)) {
            lines.remove(&self.line.node());
        }
        drop(lines);
        self.line.end();
    }
}
