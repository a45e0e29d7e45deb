//! The connections that go with one message type: who takes them here, and a line to every node
//! that has the type too.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock};

use tokio::runtime::Handle;

use super::line::{AT_ONCE, Line};
use super::word::{self, Plain, Refused, Word};
use crate::config::{Addr, NodeId};
use crate::link::channel::{Channel, ChannelConfig};
use crate::link::error::FdsLost;
use crate::link::hello::{Close, Offer};
use crate::link::message::Message;
use crate::node::connection::Connection;
use crate::node::exchange::{Exchange, Line as _, Lines};
use crate::node::peer::Peer;

/// Takes connections over, and starts the handler on each in a task of its own.
pub(super) struct Taker<M> {
    pub(super) adopt: Adopt,
    pub(super) start: Start<M>,
}

/// Starts the handler on a connection from that node.
pub(super) type Start<M> = Box<dyn Fn(&Handle, NodeId, M, Connection) + Send + Sync>;

/// Makes a connection of this node out of one that came through the listener of that number.
pub(in crate::node) type Adopt =
    Box<dyn Fn(u16, Addr, OwnedFd) -> Result<Connection, Refused> + Send + Sync>;

/// See the module.
pub(super) struct HandOvers<M: Message> {
    taker: OnceLock<Taker<M>>,
    lines: Arc<Lines<Line>>,
}

impl<M: Message> HandOvers<M> {
    pub(super) fn new() -> Self {
        HandOvers { taker: OnceLock::new(), lines: Lines::new() }
    }

    /// Sets who takes connections; false when somebody does already.
    pub(super) fn serve(&self, taker: Taker<M>) -> bool {
        self.taker.set(taker).is_ok()
    }

    /// The connections between this node and another.
    pub(super) fn line(&self, node: NodeId) -> Option<Arc<Line>> {
        self.lines.get(node)
    }
}

impl<M: Message> Exchange for HandOvers<M> {
    const KIND: &'static str = "type that goes with connections";

    type Word = Word<Vec<u8>, M>;

    fn offer(config: ChannelConfig) -> Offer {
        word::offer::<M>(config)
    }

    fn open(self: &Arc<Self>, runtime: &Handle, channel: Arc<Channel>, peer: Peer<Self::Word>) {
        let line = Line::new(channel, runtime.clone());
        let (hand_overs, held) = (Arc::clone(self), HashMap::new());
        let ear = Ear { hand_overs, line: Arc::clone(&line), runtime: runtime.clone(), held };
        self.lines.hear(runtime, M::NAME, line, move || ear.hear(peer));
    }
}

/// Hears what the other side says, and waits for nothing else. No handler runs in it.
struct Ear<M: Message> {
    hand_overs: Arc<HandOvers<M>>,
    line: Arc<Line>,
    runtime: Handle,
    /// Connections that have come and are still the other side's: let go of when that is gone.
    held: HashMap<u64, (M, Connection)>,
}

impl<M: Message> Ear<M> {
    async fn hear(mut self, mut peer: Peer<Word<Vec<u8>, M>>) {
        while let Some((word, fds)) = peer.recv_with_fds().await {
            match word {
                Word::Here { id, listener, peer, unread, message } => {
                    if self.held.len() == AT_ONCE || self.held.contains_key(&id) {
                        return self.line.abort(Close::Malformed);
                    }
                    let answer = match self.take(listener, peer, fds) {
                        Ok(mut connection) => {
                            connection.unread(&unread);
                            self.held.insert(id, (message, connection));
                            Plain::Held { id }
                        }
                        Err(why) => Plain::Refused { id, why },
                    };
                    self.line.tell(answer, None);
                }
                Word::Held { id } => self.line.answered(id, Ok(())),
                Word::Refused { id, why } => self.line.answered(id, Err(why)),
                Word::Yours { id } => self.start(id),
                Word::Mine { id } => drop(self.held.remove(&id)),
            }
        }
    }

    fn take(
        &self,
        listener: u16,
        peer: Addr,
        fds: Result<Vec<OwnedFd>, FdsLost>,
    ) -> Result<Connection, Refused> {
        let taker = self.hand_overs.taker.get().ok_or(Refused::NotServed)?;
        let fd = fds.ok().and_then(|mut fds| fds.pop()).ok_or(Refused::NoRoom)?;
        (taker.adopt)(listener, peer, fd)
    }

    fn start(&mut self, id: u64) {
        if let (Some((message, connection)), Some(taker)) =
            (self.held.remove(&id), self.hand_overs.taker.get())
        {
            (taker.start)(&self.runtime, self.line.node(), message, connection);
        }
    }
}
