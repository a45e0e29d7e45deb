//! One message to every node that has subscribed: encoded once, waited for side by side.

use std::sync::Arc;

use super::gate::{Attempt, Gate};
use crate::config::NodeId;
use crate::link::error::TrySendError;
use crate::node::broadcast::{Wait, side_by_side};

/// Who got a message of a topic, and who did not: what `Topic::publish` returns.
///
/// A node got it when it is in the queues of its subscriptions or on its way there: it arrives
/// unless that node ends first, or a subscription there drops what it has no room for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Published {
    reached: Vec<NodeId>,
    missed: Vec<(NodeId, TrySendError)>,
}

impl Published {
    /// The nodes that it went to, in ascending order; this one among them if it has a subscription.
    pub fn reached(&self) -> &[NodeId] {
        &self.reached
    }

    /// The nodes that had a subscription at the call and did not get it, in ascending order, and
    /// why: `Closed` when the node or its last subscription ended before there was room, `Full`
    /// when there was no room and nobody waits: with `try_publish`, and at a node that does not
    /// read and whose subscriptions are not to be waited for.
    pub fn missed(&self) -> &[(NodeId, TrySendError)] {
        &self.missed
    }

    fn note(&mut self, node: NodeId, sent: Result<(), TrySendError>) {
        match sent {
            Ok(()) => self.reached.push(node),
            Err(error) => self.missed.push((node, error)),
        }
    }

    fn sorted(mut self) -> Self {
        self.reached.sort_unstable();
        self.missed.sort_unstable_by_key(|(node, _)| *node);
        self
    }
}

/// Sends to those with room, and says of the others that they are full.
pub(super) fn try_to_all(gates: &[Arc<Gate>], message: &[u8]) -> Published {
    let (mut published, waiting, _) = at_once(gates, message);
    for gate in waiting {
        published.note(gate.node(), Err(TrySendError::Full));
    }
    published.sorted()
}

/// Sends to those with room at once; the others are waited for, none behind another.
pub(super) async fn to_all(gates: &[Arc<Gate>], message: &[u8]) -> Published {
    let (mut published, waiting, heavy) = at_once(gates, message);
    if heavy {
        tokio::task::yield_now().await;
    } else if gates.iter().any(|gate| gate.is_here()) {
        // Who receives may have to run in this thread, and nothing else gives it a turn.
        tokio::task::coop::consume_budget().await;
    }
    let waiting = waiting.into_iter().map(|gate| wait(gate, message)).collect();
    side_by_side(waiting, |(node, sent)| published.note(node, sent)).await;
    published.sorted()
}

/// What came of it, who has to be waited for, and whether others should run.
fn at_once(gates: &[Arc<Gate>], message: &[u8]) -> (Published, Vec<Arc<Gate>>, bool) {
    let (mut published, mut waiting, mut heavy) = (Published::default(), Vec::new(), false);
    for gate in gates {
        match gate.try_send(message) {
            Attempt::Sent(much) => {
                published.note(gate.node(), Ok(()));
                heavy |= much;
            }
            Attempt::Wait => waiting.push(Arc::clone(gate)),
            Attempt::Missed(error) => published.note(gate.node(), Err(error)),
        }
    }
    (published, waiting, heavy)
}

fn wait(gate: Arc<Gate>, message: &[u8]) -> Wait<'_, TrySendError> {
    Box::pin(async move { (gate.node(), gate.send(message).await) })
}
