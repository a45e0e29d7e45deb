//! One message to every node that has subscribed: encoded once, waited for side by side.

use std::sync::Arc;

use super::gate::{Attempt, Gate};
use crate::link::error::TrySendError;
use crate::node::broadcast::{Broadcast, Wait, side_by_side};

/// Sends to those with room, and says of the others that they are full.
pub(super) fn try_to_all(gates: &[Arc<Gate>], message: &[u8]) -> Broadcast {
    let (mut outcome, waiting, _) = at_once(gates, message);
    for gate in waiting {
        outcome.note(gate.node(), Err(TrySendError::Full));
    }
    outcome.sorted()
}

/// Sends to those with room at once; the others are waited for, none behind another.
pub(super) async fn to_all(gates: &[Arc<Gate>], message: &[u8]) -> Broadcast {
    let (mut outcome, waiting, heavy) = at_once(gates, message);
    if heavy {
        tokio::task::yield_now().await;
    } else if gates.iter().any(|gate| gate.is_here()) {
        // Who receives may have to run in this thread, and nothing else gives it a turn.
        tokio::task::coop::consume_budget().await;
    }
    let waiting = waiting.into_iter().map(|gate| wait(gate, message)).collect();
    side_by_side(waiting, |(node, sent)| outcome.note(node, sent)).await;
    outcome.sorted()
}

/// What came of it, who has to be waited for, and whether others should run.
fn at_once(gates: &[Arc<Gate>], message: &[u8]) -> (Broadcast, Vec<Arc<Gate>>, bool) {
    let (mut outcome, mut waiting, mut heavy) = (Broadcast::default(), Vec::new(), false);
    for gate in gates {
        match gate.try_send(message) {
            Attempt::Sent(much) => {
                outcome.note(gate.node(), Ok(()));
                heavy |= much;
            }
            Attempt::Wait => waiting.push(Arc::clone(gate)),
            Attempt::Missed(error) => outcome.note(gate.node(), Err(error)),
        }
    }
    (outcome, waiting, heavy)
}

fn wait(gate: Arc<Gate>, message: &[u8]) -> Wait<'_, TrySendError> {
    Box::pin(async move { (gate.node(), gate.send(message).await) })
}
