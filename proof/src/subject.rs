//! The kinds of change that multi-node goes through.

use std::net::SocketAddr;
use std::time::Instant;

use multi_node_proof::{Broken, Death, Family, soon};
use multi_node_tests::{Load, eventually};

use crate::rows::Subject;

/// Nodes, the master among them.
pub(crate) const NODES: usize = 4;

/// Nodes where they are killed at random: each slot's backoff, which doubles with every death,
/// stays short.
const KILLED_NODES: usize = 16;

/// What is done to a family.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    /// Nothing: what the client itself gets wrong would show.
    Nothing,
    Reload,
    Upgrade,
    /// One worker more, one worker less.
    Scale,
    Kill,
    UpgradeTo(Broken),
}

/// A family and what is done to it.
struct Changed {
    family: Family,
    change: Change,
}

/// Starts the program that is to be changed so.
pub(crate) fn start(change: Change) -> Box<dyn Subject> {
    let nodes = if let Change::Kill = change { KILLED_NODES } else { NODES };
    Box::new(Changed { family: Family::start(nodes), change })
}

impl Subject for Changed {
    fn addr(&self) -> SocketAddr {
        self.family.addr()
    }

    fn change(&mut self, load: &Load) -> Option<Death> {
        match self.change {
            Change::Nothing => {}
            Change::Reload => self.family.reload(),
            Change::Upgrade => self.upgrade(load),
            Change::Scale => {
                self.family.grow();
                load.wait_for_ok(100, soon());
                self.family.shrink();
            }
            Change::Kill => return Some(self.kill()),
            Change::UpgradeTo(broken) => self.family.upgrade_to(broken),
        }
        None
    }

    fn end(self: Box<Self>) {
        self.family.stop();
    }
}

impl Changed {
    fn upgrade(&mut self, load: &Load) {
        self.family.upgrade();
        let upgraded = Instant::now();
        load.wait_for_ok(200, soon());
        let counts = load.counts();
        assert!(
            self.family.is_of_one_version(&counts, upgraded),
            "the old version still answers: {:?}",
            counts.last_asked
        );
    }

    /// Kills one of the workers that there are; their backoff may leave few.
    fn kill(&self) -> Death {
        let mut death = None;
        eventually(soon(), "there is a worker to kill", || {
            let workers: Vec<_> = self.family.workers().into_iter().collect();
            death = fastrand::choice(&workers).and_then(|worker| Death::of(*worker));
            death.is_some()
        });
        death.expect("it was waited for")
    }
}
