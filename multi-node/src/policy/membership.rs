//! Who is there: how a node is said to have left, and what of the news somebody must still hear.

use serde::{Deserialize, Serialize};

use crate::config::ExitStatus;
use crate::event::{Departure, MembershipEvent};

/// Where a node is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standing {
    Stays,
    /// It said that it drains.
    Drains,
    /// It is gone, though its process is not: the master's own node.
    Left,
}

/// How a node left whose process, or `main`, ended so.
pub(crate) fn departure(status: ExitStatus, standing: Standing) -> Departure {
    match (status, standing) {
        (ExitStatus::Code(0), Standing::Drains) => Departure::Drained,
        (ExitStatus::Code(code), _) => Departure::Exited(Some(code)),
        (ExitStatus::Signal { signal, .. }, _) => Departure::Killed(signal),
        (ExitStatus::Unknown, _) => Departure::Exited(None),
    }
}

/// Adds an event to those that somebody has not been told yet. Of a node that comes and goes
/// meanwhile nothing is left, so that there are never more of them than nodes that were there and
/// nodes that are.
pub(crate) fn add(untold: &mut Vec<MembershipEvent>, event: MembershipEvent) {
    if let MembershipEvent::Left { node, .. } = event
        && let Some(at) = untold.iter().position(|told| *told == MembershipEvent::Joined(node))
    {
        untold.remove(at);
    } else {
        untold.push(event);
    }
}

#[cfg(test)]
mod tests {
    use super::{Standing, add, departure};
    use crate::config::{ExitStatus, NodeId};
    use crate::event::{Departure, MembershipEvent};

    fn joined(node: u64) -> MembershipEvent {
        MembershipEvent::Joined(NodeId(node))
    }

    fn left(node: u64) -> MembershipEvent {
        MembershipEvent::Left { node: NodeId(node), why: Departure::Drained }
    }

    #[test]
    fn a_node_drained_only_if_it_said_so_and_ended_well() {
        let killed = ExitStatus::Signal { signal: 9, core: false };
        for (status, standing, expected) in [
            (ExitStatus::Code(0), Standing::Drains, Departure::Drained),
            (ExitStatus::Code(0), Standing::Stays, Departure::Exited(Some(0))),
            (ExitStatus::Code(1), Standing::Drains, Departure::Exited(Some(1))),
            (ExitStatus::Code(7), Standing::Stays, Departure::Exited(Some(7))),
            (killed, Standing::Drains, Departure::Killed(9)),
            (killed, Standing::Stays, Departure::Killed(9)),
            (ExitStatus::Unknown, Standing::Drains, Departure::Exited(None)),
        ] {
            assert_eq!(departure(status, standing), expected, "{status:?}, {standing:?}");
        }
    }

    #[test]
    fn of_a_node_that_came_and_went_untold_nothing_is_left() {
        let mut untold = Vec::new();
        for event in [joined(4), left(2), joined(5), left(4)] {
            add(&mut untold, event);
        }
        assert_eq!(untold, [left(2), joined(5)]);
    }

    #[test]
    fn however_often_nodes_are_replaced_the_untold_stay_few() {
        let mut untold = Vec::new();
        for node in 1..=10_000 {
            add(&mut untold, left(node - 1));
            add(&mut untold, joined(node));
        }
        assert_eq!(untold, [left(0), joined(10_000)]);
    }
}
