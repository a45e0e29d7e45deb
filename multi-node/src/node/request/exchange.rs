//! One request type of this node: its handler, if there is one, and a line to every node that has
//! the type too.

use std::sync::{Arc, OnceLock};

use tokio::runtime::Handle;

use super::asker::Asker;
use super::intake::Intake;
use super::line::Line;
use super::waiting::{Answer, Id};
use super::word::{self, Word};
use crate::config::NodeId;
use crate::link::channel::{Channel, ChannelConfig};
use crate::link::hello::{Close, Offer};
use crate::link::message::Request;
use crate::node::exchange::{Exchange, Line as _, Lines};
use crate::node::peer::Peer;

/// Starts the handler on a request, in a task of its own.
pub(super) type OnRequest<Q> = Box<dyn Fn(&Handle, Q, Asker<Q>) + Send + Sync>;

/// See the module.
pub(super) struct Requests<Q: Request> {
    handler: OnceLock<OnRequest<Q>>,
    lines: Arc<Lines<Line<Q>>>,
    intake: Arc<Intake>,
}

impl<Q: Request> Requests<Q> {
    pub(super) fn new(intake: Arc<Intake>) -> Self {
        Requests { handler: OnceLock::new(), lines: Lines::new(), intake }
    }

    /// Sets the handler; false when there is one already.
    pub(super) fn serve(&self, handler: OnRequest<Q>) -> bool {
        let first = self.handler.set(handler).is_ok();
        self.lines.all().iter().for_each(|line| line.tell(Word::Serves));
        first
    }

    /// The nodes that have a handler, in ascending order.
    pub(super) fn served_by(&self) -> Vec<NodeId> {
        let lines = self.lines.all();
        let served = lines.iter().filter(|line| line.is_served());
        let mut nodes: Vec<NodeId> = served.map(|line| line.node()).collect();
        nodes.sort_unstable();
        nodes
    }

    /// The requests between this node and another.
    pub(super) fn line(&self, node: NodeId) -> Option<Arc<Line<Q>>> {
        self.lines.get(node)
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
}

impl<Q: Request> Exchange for Requests<Q> {
    const KIND: &'static str = "request type";

    type Word = Word<Q, Q::Reply>;

    fn offer(config: ChannelConfig) -> Offer {
        word::offer::<Q>(config)
    }

    fn open(self: &Arc<Self>, runtime: &Handle, channel: Arc<Channel>, peer: Peer<Self::Word>) {
        let line = Line::new(channel, runtime.clone());
        let (requests, hearing, on) = (Arc::clone(self), Arc::clone(&line), runtime.clone());
        let hear = move || hear(requests, hearing, peer, on);
        self.lines.hear(runtime, Q::NAME, Arc::clone(&line), hear);
        if self.handler.get().is_some() {
            line.tell(Word::Serves);
        }
    }
}

/// Hears what the other side says. It waits for nothing else, and no handler runs in it, so that
/// two nodes that ask each other all they can never wait for each other.
async fn hear<Q: Request>(
    requests: Arc<Requests<Q>>,
    line: Arc<Line<Q>>,
    mut peer: Peer<Word<Q, Q::Reply>>,
    runtime: Handle,
) {
    while let Some(word) = peer.recv().await {
        match word {
            Word::Ask { id, request } => {
                if !requests.take(&runtime, &line, id, request) {
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
