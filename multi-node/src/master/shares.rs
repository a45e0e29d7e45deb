//! The bytes that all nodes share: kept from when one node has made them to the end of the program,
//! reloads included, and given to every node that asks. It never looks into them.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use serde::{Deserialize, Serialize};

use super::crossing::{Landed, Leaving, Place};
use super::family::Family;
use crate::config::NodeId;
use crate::link::control::ToNode;
use crate::policy::sharing::{Answer, Sharing};
use crate::report;
use crate::sys::sealed;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Shares {
    sharing: Sharing,
    /// Sealed memfds, of the names that are there.
    bytes: BTreeMap<String, OwnedFd>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    sharing: Sharing,
    bytes: BTreeMap<String, Place>,
}

impl Shares {
    pub(super) fn asked(&mut self, node: NodeId, name: String, family: &mut Family) {
        match self.sharing.asked(node, &name) {
            Answer::Make => family.tell(node, &ToNode::Make { name }),
            Answer::Wait => {}
            Answer::Give => self.give(node, name, family),
            Answer::Refuse => family.tell(node, &ToNode::NotShared { name }),
        }
    }

    pub(super) fn made(
        &mut self,
        node: NodeId,
        name: String,
        fds: Vec<OwnedFd>,
        family: &mut Family,
    ) {
        let Some(memfd) = fds.into_iter().next().filter(|memfd| sealed::is_sealed(memfd)) else {
            report::error!("node {node} made {name:?}, and its bytes did not come");
            return self.failed(node, name, family);
        };
        if let Some(nodes) = self.sharing.made(node, &name) {
            self.bytes.insert(name.clone(), memfd);
            nodes.into_iter().for_each(|node| self.give(node, name.clone(), family));
        }
    }

    pub(super) fn failed(&mut self, node: NodeId, name: String, family: &Family) {
        if let Some(next) = self.sharing.failed(node, &name) {
            family.tell(next, &ToNode::Make { name });
        }
    }

    /// A node has ended.
    pub(super) fn left(&mut self, node: NodeId, family: &Family) {
        for (name, next) in self.sharing.left(node) {
            family.tell(next, &ToNode::Make { name });
        }
    }

    fn give(&self, node: NodeId, name: String, family: &mut Family) {
        let Some(memfd) = self.bytes.get(&name) else { return };
        match memfd.try_clone() {
            Ok(memfd) => family.share(node, name, memfd),
            Err(error) => {
                report::error!("cannot give {name:?} to node {node}: {error}");
                family.tell(node, &ToNode::NotShared { name });
            }
        }
    }

    pub(super) fn save<'a>(&'a self, fds: &mut Leaving<'a>) -> State {
        let bytes = self.bytes.iter().map(|(name, memfd)| (name.clone(), fds.add(memfd.as_fd())));
        State { bytes: bytes.collect(), sharing: self.sharing.clone() }
    }

    /// # Errors
    /// When an fd did not cross.
    pub(super) fn restore(state: State, fds: &mut Landed) -> io::Result<Shares> {
        let bytes = state.bytes.into_iter().map(|(name, place)| Ok((name, fds.take(place)?)));
        Ok(Shares { bytes: bytes.collect::<io::Result<_>>()?, sharing: state.sharing })
    }
}
