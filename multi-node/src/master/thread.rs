//! The supervision thread: tells policy what happened, and has done what policy decides.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::End;
use super::crossing::{Landed, Numbers};
use super::family::{self, Family};
use super::notice;
use super::stranger;
use super::takeover::State;
use super::watch::Happening;
use crate::config::{Generation, NodeId, Settings, Slot};
use crate::error::{EXIT_FAILURE, StartError};
use crate::link::control::{Ended, LinkKind, ToMaster, ToNode};
use crate::link::readable::Readable;
use crate::policy::mesh::{Mesh, Pair};
use crate::policy::supervisor::{Action, Event, Finish, MainEnd, Rules, Supervisor};
use crate::report;
use crate::sys::signal::{Arrived, Signals};
use crate::sys::{process, replace};

/// Happenings that may wait; the tasks that bring them wait beyond it.
const WAITING: usize = 256;

/// When to try again what the kernel would not take: it does not say when it will.
const RETRY: Duration = Duration::from_millis(10);

/// Binds, then starts the thread. The socket is the control socket of the master's own node.
pub(super) fn start(
    settings: Settings,
    signals: Signals,
    ended: std_mpsc::Sender<End>,
) -> Result<OwnedFd, StartError> {
    let failed = || StartError::system("start supervision");
    let runtime = runtime().map_err(failed())?;
    let entered = runtime.enter();
    let (happen, happenings) = mpsc::channel(WAITING);
    let mut policy = Supervisor::new(rules(&settings), u64::from(process::pid()));
    policy.handle_event(Duration::ZERO, Event::Begin);
    let mut family = Family::found(settings, happen)?;
    let control = family.adopt_master(policy.master(), policy.generation()).map_err(failed())?;
    let mut mesh = Mesh::new();
    mesh.joined(policy.master());
    let signals = Signalled::new(signals).map_err(failed())?;
    drop(entered);
    let began = Instant::now();
    let thread = Thread { family, policy, mesh, signals, happenings, began, ended };
    thread.begin(runtime).map_err(failed())?;
    Ok(control)
}

/// Goes on where the program that ran in this process before left off. The socket is as in
/// [`start`]; `None` when the master's `main` is not to run again.
///
/// # Errors
/// When something did not cross, or the machine has no room.
pub(super) fn resume(state: State, ended: std_mpsc::Sender<End>) -> io::Result<Option<OwnedFd>> {
    let runtime = runtime()?;
    let entered = runtime.enter();
    let (happen, happenings) = mpsc::channel(WAITING);
    let State { elapsed, policy, mut mesh, family, fds } = state;
    let mut fds = Landed::new(replace::claim(&fds.0)?);
    let mut family = Family::restore(family, &mut fds, happen)?;
    stranger::reap_all(|pid| family.has(pid));
    let mut policy = Supervisor::resume(policy, u64::from(process::pid()));
    policy.handle_event(elapsed, Event::Begin);
    let control = if policy.runs_main() {
        mesh.joined(policy.master());
        Some(family.adopt_master(policy.master(), policy.generation())?)
    } else {
        None
    };
    let signals = Signalled::new(Signals::install()?)?;
    drop(entered);
    let began = Instant::now();
    let began = began.checked_sub(elapsed).unwrap_or(began);
    Thread { family, policy, mesh, signals, happenings, began, ended }.begin(runtime)?;
    Ok(control)
}

fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn rules(settings: &Settings) -> Rules {
    Rules {
        master_listens: settings.master_listen,
        nodes: settings.nodes,
        restart_children: settings.restart_children,
        computes: settings.listen.is_none(),
        drain_timeout: settings.drain_timeout,
        drain_delay: settings.drain_delay,
        start_timeout: settings.start_timeout,
        max_surge: settings.max_surge,
    }
}

/// The signals, and when to look for them.
struct Signalled {
    signals: Signals,
    ready: Readable,
}

impl Signalled {
    fn new(signals: Signals) -> io::Result<Signalled> {
        let ready = Readable::new(signals.as_fd().try_clone_to_owned()?)?;
        Ok(Signalled { signals, ready })
    }
}

struct Thread {
    family: Family,
    policy: Supervisor,
    mesh: Mesh<LinkKind>,
    signals: Signalled,
    happenings: mpsc::Receiver<Happening>,
    began: Instant,
    ended: std_mpsc::Sender<End>,
}

impl Thread {
    fn begin(self, runtime: Runtime) -> io::Result<()> {
        let name = "multi-node:sup".to_owned();
        std::thread::Builder::new().name(name).spawn(move || self.run(&runtime))?;
        Ok(())
    }

    fn run(mut self, runtime: &Runtime) {
        let finish = runtime.block_on(self.supervise());
        notice::say_end(&finish, self.family.settings());
        let (code, main) = match finish {
            Finish::Stopped { main } => (End::Code(0), main),
            Finish::MainEnded => (End::OfMain, MainEnd::Ended { ok: true }),
            Finish::NeverStarted { main, .. } => (End::Code(EXIT_FAILURE), main),
        };
        match (code, main) {
            // `main` holds the thread that would end the process.
            (End::Code(code), MainEnd::CutOff) => process::exit(code),
            (code, _) => {
                // Whoever waits for it is the process's last.
                let _ = self.ended.send(code);
            }
        }
    }

    async fn supervise(&mut self) -> Finish {
        loop {
            if let Some(finish) = self.act() {
                return finish;
            }
            self.connect();
            let all_sent = self.family.hand_out();
            self.wait((!all_sent).then_some(RETRY)).await;
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Waits for the next thing to happen, but no longer than `retry`, and tells policy.
    async fn wait(&mut self, retry: Option<Duration>) {
        let retry = retry.map(|retry| self.now() + retry);
        let due = self.policy.poll_timeout().into_iter().chain(retry).min();
        let due = due.and_then(|at| self.began.checked_add(at));
        let timeout = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            happening = self.happenings.recv() => {
                if let Some(happening) = happening {
                    self.happened(happening);
                }
            }
            ready = self.signals.ready.readable() => match ready {
                Ok(()) => self.take_signals(),
                Err(error) => report::error!("cannot wait for signals: {error}"),
            },
            () = timeout => self.policy.handle_timeout(self.began.elapsed()),
        }
    }

    fn take_signals(&mut self) {
        while let Ok(signal) = self.signals.ready.try_io(|| self.signals.signals.next()) {
            self.arrived(signal);
        }
    }

    fn arrived(&mut self, signal: Arrived) {
        let event = match signal {
            Arrived::Hangup => Event::Reload,
            Arrived::Interrupt | Arrived::Quit | Arrived::Terminate => Event::Stop,
        };
        report::info!("{signal:?} arrived");
        self.policy.handle_event(self.now(), event);
    }

    fn happened(&mut self, happening: Happening) {
        let now = self.now();
        match happening {
            Happening::Said(node, message) => self.said(node, message),
            Happening::Exited(node) => {
                self.mesh.left(node);
                let status = self.family.bury(node);
                self.policy.handle_event(now, Event::Exited { node, status });
                self.family.forget_images(|generation| self.policy.needs(generation));
            }
            Happening::Rehearsed(generation, Ok(settings)) => {
                let rules = rules(&settings);
                self.family.prepare(generation, *settings);
                self.policy.handle_event(now, Event::Rehearsed { generation, rules });
            }
            Happening::Rehearsed(generation, Err(reason)) => {
                self.policy.handle_event(now, Event::RehearsalFailed { generation, reason });
            }
        }
    }

    fn said(&mut self, node: NodeId, message: ToMaster) {
        let now = self.now();
        match message {
            ToMaster::Ready => {
                self.family.ready(node);
                self.policy.handle_event(now, Event::Ready { node });
            }
            ToMaster::Draining => {
                self.mesh.draining(node);
                self.policy.handle_event(now, Event::Draining { node });
            }
            ToMaster::Want(kind) => self.mesh.wants(node, kind),
            ToMaster::Borrow { slot } => self.family.lend(node, slot),
            ToMaster::Received { fds } => self.family.received(node, fds),
            ToMaster::Ended(ended) if node == self.policy.master() => {
                let ok = ended == Ended::Ok;
                self.policy.handle_event(now, Event::MasterEnded { ok });
            }
            ToMaster::Beat(_) | ToMaster::WantEvents => {}
            // A worker's end is its exit; a rehearsal is no node.
            ToMaster::Ended(_) | ToMaster::Rehearsed(_) => {}
        }
    }

    /// Does what policy decided, until there is nothing more to do or the program is over.
    fn act(&mut self) -> Option<Finish> {
        let mut replacement = None;
        loop {
            if let Some(finish) = self.do_all(&mut replacement) {
                return Some(finish);
            }
            let generation = replacement?;
            // What is not yet taken off the nodes' sockets crosses; what is would be lost.
            match self.happenings.try_recv() {
                Ok(happening) => self.happened(happening),
                Err(_) => {
                    replacement = None;
                    self.replace(generation);
                }
            }
        }
    }

    fn do_all(&mut self, replacement: &mut Option<Generation>) -> Option<Finish> {
        while let Some(action) = self.policy.poll_action() {
            match action {
                Action::Spawn { node, slot, generation } => self.spawn(node, slot, generation),
                Action::Rehearse { generation } => self.rehearse(generation),
                Action::EndRehearsal => self.family.end_rehearsal(),
                Action::Switch { .. } => self.family.switch(),
                Action::Discard { .. } => self.family.discard(),
                Action::Replace { generation, .. } => *replacement = Some(generation),
                Action::Leaving => self.family.tell_all(&ToNode::Leaving),
                Action::Count { nodes } => self.family.count(nodes),
                Action::Refuse => self.family.refuse(),
                Action::Close => self.family.close(),
                Action::Drain { node } => self.family.drain(node),
                Action::Abort { node } => self.family.abort(node),
                Action::Kill { node } => self.family.kill(node),
                Action::Notice(notice) => notice::say(&notice, self.family.settings()),
                Action::Finish(finish) => return Some(finish),
            }
        }
        None
    }

    fn spawn(&mut self, node: NodeId, slot: Slot, generation: Generation) {
        let event = match self.family.spawn(node, slot, generation) {
            Ok(pid) => {
                self.mesh.joined(node);
                Event::Spawned { node, pid }
            }
            Err(error) => Event::SpawnFailed { node, reason: error.to_string() },
        };
        self.policy.handle_event(self.now(), event);
    }

    fn rehearse(&mut self, generation: Generation) {
        let state = self.family.with_state(|family, fds| self.state(family, fds));
        let begun = state.and_then(|state| self.family.rehearse(generation, state));
        if let Err(error) = begun {
            let reason = error.to_string();
            self.policy.handle_event(self.now(), Event::RehearsalFailed { generation, reason });
        }
    }

    /// Gives way to the new program.
    fn replace(&mut self, generation: Generation) {
        let error = self.family.replace(generation, |family, fds| self.state(family, fds));
        let reason = error.to_string();
        self.policy.handle_event(self.now(), Event::ReplaceFailed { reason });
    }

    /// All that is known, sealed.
    fn state(&self, family: family::State, fds: Numbers) -> io::Result<OwnedFd> {
        let mut mesh = self.mesh.clone();
        mesh.left(self.policy.master());
        let elapsed = self.now();
        let policy = self.policy.snapshot(elapsed);
        State { elapsed, policy, mesh, family, fds }.seal()
    }

    /// Makes the links that are wanted, as far as they can be handed out.
    fn connect(&mut self) {
        while self.family.has_room_for_links() {
            let Some(Pair { a, b, kind }) = self.mesh.poll() else {
                return;
            };
            self.family.connect(a, b, kind);
        }
    }
}
