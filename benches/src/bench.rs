//! What every section needs: where the programs are, a free port, turns, and a place for notes.

use std::cell::{Cell, RefCell};
use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::arguments::Plan;
use crate::peer::Peer;

/// Below the range from which the kernel takes ports for clients: those could otherwise take the
/// server's, or connect to themselves while it is not yet there.
const FIRST_PORT: u16 = 20_000;
const LAST_PORT: u16 = 30_000;

/// A run of the benchmarks.
pub(crate) struct Bench {
    pub(crate) plan: Plan,
    programs: PathBuf,
    scratch: PathBuf,
    next_port: Cell<u16>,
    notes: RefCell<Vec<String>>,
}

impl Bench {
    pub(crate) fn new(plan: Plan) -> Result<Self, String> {
        let own = env::current_exe().map_err(|error| error.to_string())?;
        let programs = own.parent().ok_or("no folder of programs")?.to_owned();
        let scratch = programs.join("benches");
        fs::create_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
        Ok(Self {
            plan,
            programs,
            scratch,
            // Two runs side by side begin apart.
            next_port: Cell::new(FIRST_PORT + (std::process::id() % 9_000) as u16),
            notes: RefCell::new(Vec::new()),
        })
    }

    /// A program of this package.
    pub(crate) fn program(&self, name: &str) -> Command {
        Command::new(self.programs.join(name))
    }

    /// A folder for logs and configurations.
    pub(crate) fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// A port of the loopback that nobody listens on.
    pub(crate) fn free_port(&self) -> Result<u16, String> {
        for _ in FIRST_PORT..LAST_PORT {
            let port = self.next_port.get();
            let next = if port < LAST_PORT { port + 1 } else { FIRST_PORT };
            self.next_port.set(next);
            if TcpListener::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)).is_ok() {
                return Ok(port);
            }
        }
        Err(format!("no free port from {FIRST_PORT} to {LAST_PORT}"))
    }

    /// Adds a line to be printed under the table, once.
    pub(crate) fn note(&self, note: String) {
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.borrow().clone()
    }

    /// Those of the peers that are there to be measured; a note says which are not.
    pub(crate) fn present(&self, peers: &[Peer]) -> Vec<Peer> {
        let mut present = peers.to_vec();
        present.retain(|peer| {
            let missing = peer.missing();
            if let Some(reason) = missing {
                self.note(format!("{}: {reason}", peer.label()));
            }
            missing.is_none()
        });
        present
    }

    /// Takes a sample of each in every round; each round begins with the next of them.
    pub(crate) fn rounds<P: Copy, S>(
        &self,
        contenders: &[P],
        mut sample: impl FnMut(P) -> Result<S, String>,
    ) -> Result<Vec<Vec<S>>, String> {
        let mut samples: Vec<Vec<S>> = contenders.iter().map(|_| Vec::new()).collect();
        for round in 0..self.plan.rounds {
            eprint!("\r  round {} of {} ", round + 1, self.plan.rounds);
            for turn in 0..contenders.len() {
                let index = (round + turn) % contenders.len();
                samples[index].push(sample(contenders[index])?);
            }
        }
        eprintln!();
        Ok(samples)
    }
}

/// Whether a program of that name can be run.
pub(crate) fn installed(program: &str, version: &str) -> bool {
    Command::new(program)
        .arg(version)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}
