//! The start of supervision: anew, or where the program that ran in this process before left off.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::{Signalled, Thread};
use crate::config::Settings;
use crate::error::StartError;
use crate::master::announce::Announcer;
use crate::master::crossing::Landed;
use crate::master::family::Family;
use crate::master::health::Clinic;
use crate::master::manager::Manager;
use crate::master::pid_file::PidFile;
use crate::master::shares::Shares;
use crate::master::takeover::State;
use crate::master::{End, identity, stranger};
use crate::policy::mesh::Mesh;
use crate::policy::status::Status;
use crate::policy::supervisor::{Event, Rules, Supervisor};
use crate::sys::signal::Signals;
use crate::sys::{process, replace};

/// Happenings that may wait; the tasks that bring them wait beyond it.
const WAITING: usize = 256;

/// Binds, then starts the thread. The socket is the control socket of the master's own node.
pub(in crate::master) fn start(
    settings: Settings,
    signals: Signals,
    ended: std_mpsc::Sender<End>,
) -> Result<OwnedFd, StartError> {
    let failed = || StartError::system("start supervision");
    let runtime = runtime().map_err(failed())?;
    let entered = runtime.enter();
    let (happen, happenings) = mpsc::channel(WAITING);
    let rules = rules(&settings);
    let status = if rules.computes { Status::computing } else { Status::starting };
    let mut policy = Supervisor::new(rules, seed());
    policy.handle_event(Duration::ZERO, Event::Begin);
    let mut clinic = Clinic::new(seed());
    let identity = identity::find(&settings)?;
    let pid_file = PidFile::claim(settings.pid_file.as_deref())?;
    let mut family = Family::found(settings, happen)?;
    if let Some(identity) = identity {
        identity::assume(&identity)?;
        family.check_program();
    }
    let node = policy.master();
    let pace = clinic.adopted(Duration::ZERO, node, family.settings());
    let control = family.adopt_master(node, policy.generation(), pace).map_err(failed())?;
    let mut mesh = Mesh::new();
    mesh.joined(node);
    let thread = Thread {
        family,
        policy,
        clinic,
        mesh,
        shares: Shares::default(),
        announcer: Announcer::new(),
        manager: Manager::find(status),
        signals: Signalled::new(signals).map_err(failed())?,
        pid_file,
        ready: false,
        happenings,
        began: Instant::now(),
        ended,
    };
    drop(entered);
    thread.begin(runtime).map_err(failed())?;
    Ok(control)
}

/// Goes on where the program that ran in this process before left off. The socket is as in
/// [`start`]; `None` when the master's `main` is not to run again.
///
/// # Errors
/// When something did not cross, or the machine has no room.
pub(in crate::master) fn resume(
    state: State,
    ended: std_mpsc::Sender<End>,
) -> io::Result<Option<OwnedFd>> {
    let runtime = runtime()?;
    let entered = runtime.enter();
    let (happen, happenings) = mpsc::channel(WAITING);
    let mut fds = Landed::new(replace::claim(&state.fds.0)?);
    let [read, write] = state.signals.pipe;
    let signals = Signals::resume(fds.take(read)?, fds.take(write)?, state.signals.beginning)?;
    let mut family = Family::restore(state.family, &mut fds, happen)?;
    stranger::reap_all(|pid| family.has(pid));
    let mut policy = Supervisor::resume(state.policy, seed());
    policy.handle_event(state.elapsed, Event::Begin);
    family.close_all_but(policy.generation());
    let (mut mesh, mut clinic) = (state.mesh, state.clinic);
    let control = if policy.runs_main() {
        let node = policy.master();
        mesh.joined(node);
        let pace = clinic.adopted(state.elapsed, node, family.settings());
        Some(family.adopt_master(node, policy.generation(), pace)?)
    } else {
        None
    };
    let now = Instant::now();
    let thread = Thread {
        family,
        policy,
        clinic,
        mesh,
        shares: Shares::restore(state.shares, &mut fds)?,
        announcer: Announcer::resume(state.roster),
        manager: Manager::find(Status::replaced),
        signals: Signalled::new(signals)?,
        pid_file: PidFile::restore(state.pid_file, &mut fds)?,
        ready: true,
        happenings,
        began: now.checked_sub(state.elapsed).unwrap_or(now),
        ended,
    };
    drop(entered);
    thread.begin(runtime)?;
    Ok(control)
}

impl Thread {
    fn begin(self, runtime: Runtime) -> io::Result<()> {
        let name = "multi-node:sup".to_owned();
        std::thread::Builder::new().name(name).spawn(move || self.run(&runtime))?;
        Ok(())
    }
}

fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// What makes this program's jitter its own.
fn seed() -> u64 {
    process::pid().into()
}

/// What of the options supervision depends on.
pub(super) fn rules(settings: &Settings) -> Rules {
    Rules {
        master_listens: settings.master_listen,
        nodes: settings.nodes,
        restart_children: settings.restart_children,
        computes: !settings.listens(),
        drain_timeout: settings.drain_timeout,
        drain_delay: settings.drain_delay,
        start_timeout: settings.start_timeout,
        max_surge: settings.max_surge,
    }
}
