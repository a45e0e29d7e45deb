//! What a master leaves to the program that replaces it in its process: everything that it knows,
//! in a sealed memfd, and by number the fds that stay open.
//!
//! The one who writes and the one who reads may be two versions of this library. So a few bytes
//! stand first that every version understands, and a rehearsal reads the whole before the exec.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::crossing::{Numbers, Place};
use super::health::Clinic;
use super::{family, pid_file, shares};
use crate::link::codec;
use crate::link::control::{LinkKind, PROTOCOL};
use crate::policy::mesh::Mesh;
use crate::policy::news::Roster;
use crate::policy::supervisor::Snapshot;
use crate::signal::Beginning;
use crate::sys::page;
use crate::sys::sealed;

/// Raised whenever [`State`] changes its meaning or its layout.
const FORMAT: u32 = 1;

/// The first bytes of a state.
const MAGIC: [u8; 4] = *b"MNST";

/// The largest state, in bytes: a hundred times that of 256 nodes.
const MAX_STATE: usize = 16 * 1024 * 1024;

/// All that crosses.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    /// How long ago supervision began: the times in `policy` count from there.
    pub(super) elapsed: Duration,
    pub(super) policy: Snapshot,
    pub(super) clinic: Clinic,
    pub(super) mesh: Mesh<LinkKind>,
    pub(super) roster: Roster,
    pub(super) family: family::State,
    pub(super) shares: shares::State,
    pub(super) signals: SignalsState,
    pub(super) pid_file: Option<pid_file::State>,
    /// What the places above are places in.
    pub(super) fds: Numbers,
}

/// Those that arrived and are not read yet stand in the pipe.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SignalsState {
    /// The end that is read, and the one that is written.
    pub(super) pipe: [Place; 2],
    pub(super) beginning: Beginning,
}

impl State {
    /// # Errors
    /// When the kernel has no memory or no fd left.
    pub(super) fn seal(&self) -> io::Result<OwnedFd> {
        let mut bytes = header().concat();
        codec::encode_into(&mut bytes, self, MAX_STATE).map_err(io::Error::other)?;
        sealed::seal(c"multi-node state", &bytes)
    }

    /// # Errors
    /// `InvalidData` when it was written by a version that this one does not understand.
    pub(super) fn open(memfd: OwnedFd) -> io::Result<State> {
        let bytes = sealed::read(memfd)?;
        let header = header().concat();
        let rest = bytes.strip_prefix(header.as_slice()).ok_or_else(|| other_version(&bytes))?;
        codec::decode(rest).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("the master's state: {error}"))
        })
    }
}

/// What must be the same on both sides.
fn header() -> [[u8; 4]; 4] {
    let numbers = [FORMAT, u32::from(PROTOCOL), page::LAYOUT];
    let [format, protocol, layout] = numbers.map(u32::to_le_bytes);
    [MAGIC, format, protocol, layout]
}

fn other_version(bytes: &[u8]) -> io::Error {
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        u32::from_le_bytes(bytes.unwrap_or_default())
    };
    let text = format!(
        "the running master and this program were built with versions of multi-node that cannot \
         take over from each other (state {}, protocol {}, load page {:x}; here {FORMAT}, \
         {PROTOCOL}, {:x}): stop the program and start it again",
        number(4),
        number(8),
        number(12),
        page::LAYOUT,
    );
    io::Error::new(io::ErrorKind::InvalidData, text)
}
