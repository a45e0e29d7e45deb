//! The supervision thread: tells policy what happened, and has done what policy decides.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::End;
use super::family::Family;
use super::notice;
use super::watch::Happening;
use crate::config::{NodeId, Settings};
use crate::error::{EXIT_FAILURE, StartError};
use crate::link::control::{Ended, LinkKind, ToMaster};
use crate::link::readable::Readable;
use crate::policy::mesh::{Mesh, Pair};
use crate::policy::supervisor::{Action, Event, Finish, MainEnd, Rules, Supervisor};
use crate::report;
use crate::sys::process;
use crate::sys::signal::{Arrived, Signals};

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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(failed())?;
    let entered = runtime.enter();
    let (happen, happenings) = mpsc::channel(WAITING);
    let times = Times { drain: settings.drain_timeout, start: settings.start_timeout };
    let policy = Supervisor::new(rules(&settings), u64::from(process::pid()));
    let mut family = Family::found(settings, happen)?;
    let socket = family.adopt_master().map_err(failed())?;
    let signalled = signals.as_fd().try_clone_to_owned().and_then(Readable::new);
    let signalled = signalled.map_err(failed())?;
    drop(entered);
    let thread = Thread {
        family,
        policy,
        mesh: Mesh::new(),
        signals,
        signalled,
        happenings,
        times,
        began: Instant::now(),
        ended,
    };
    let name = "multi-node:sup".to_owned();
    let spawned = std::thread::Builder::new().name(name).spawn(move || thread.run(&runtime));
    spawned.map_err(failed())?;
    Ok(socket)
}

fn rules(settings: &Settings) -> Rules {
    Rules {
        workers: settings.worker_slots(),
        restart_children: settings.restart_children,
        computes: !settings.listens(),
        drain_timeout: settings.drain_timeout,
        start_timeout: settings.start_timeout,
    }
}

/// What the log lines name.
struct Times {
    drain: Duration,
    start: Duration,
}

struct Thread {
    family: Family,
    policy: Supervisor,
    mesh: Mesh<LinkKind>,
    signals: Signals,
    /// Readable when there are `signals`.
    signalled: Readable,
    happenings: mpsc::Receiver<Happening>,
    times: Times,
    began: Instant,
    ended: std_mpsc::Sender<End>,
}

impl Thread {
    fn run(mut self, runtime: &Runtime) {
        let finish = runtime.block_on(self.supervise());
        notice::say_end(&finish, self.times.start);
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
        self.mesh.joined(NodeId::MASTER);
        self.policy.handle_event(self.now(), Event::Begin);
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
            ready = self.signalled.readable() => match ready {
                Ok(()) => self.take_signals(),
                Err(error) => report::error!("cannot wait for signals: {error}"),
            },
            () = timeout => self.policy.handle_timeout(self.began.elapsed()),
        }
    }

    fn take_signals(&mut self) {
        while let Ok(signal) = self.signalled.try_io(|| self.signals.next()) {
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
                self.family.forget_images(self.policy.generation());
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
            ToMaster::Borrow { listener, slot } => self.family.lend(node, listener, slot),
            ToMaster::Received { fds } => self.family.received(node, fds),
            ToMaster::Ended(ended) if node == NodeId::MASTER => {
                let ok = ended == Ended::Ok;
                self.policy.handle_event(now, Event::MasterEnded { ok });
            }
            ToMaster::Beat(_) | ToMaster::WantEvents => {}
            // A worker's end is its exit.
            ToMaster::Ended(_) => {}
        }
    }

    /// Does what policy decided, until there is nothing more to do or the program is over.
    fn act(&mut self) -> Option<Finish> {
        while let Some(action) = self.policy.poll_action() {
            match action {
                Action::Spawn { node, slot, generation } => {
                    let event = match self.family.spawn(node, slot, generation) {
                        Ok(pid) => {
                            self.mesh.joined(node);
                            Event::Spawned { node, pid }
                        }
                        Err(error) => Event::SpawnFailed { node, reason: error.to_string() },
                    };
                    self.policy.handle_event(self.now(), event);
                }
                Action::Refuse => self.family.refuse(),
                Action::Close => self.family.close(),
                Action::Drain { node } => self.family.drain(node, self.times.drain),
                Action::Kill { node } => self.family.kill(node),
                Action::Notice(notice) => notice::say(&notice, self.times.drain, self.times.start),
                Action::Finish(finish) => {
                    self.family.remove_files();
                    return Some(finish);
                }
            }
        }
        None
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
