//! The supervision thread: tells policy what happened, and has done what policy decides.

mod act;
mod begin;
mod hear;

use std::io;
use std::os::fd::AsFd;
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::mpsc;

pub(super) use begin::{resume, start};

use super::End;
use super::announce::Announcer;
use super::family::Family;
use super::health::Clinic;
use super::manager::Manager;
use super::notice;
use super::pid_file::PidFile;
use super::shares::Shares;
use super::watch::Happening;
use crate::error::EXIT_FAILURE;
use crate::link::control::LinkKind;
use crate::link::readable::Readable;
use crate::policy::mesh::{Mesh, Pair, Step};
use crate::policy::status::Serving;
use crate::policy::supervisor::{Finish, MainEnd, Supervisor};
use crate::report;
use crate::sys::process;
use crate::sys::signal::Signals;

/// When to try again what the kernel would not take: it does not say when it will.
const RETRY: Duration = Duration::from_millis(10);

/// How much later than asked for supervision may wake on a machine that is merely busy. Time beyond
/// that does not count.
const LATE: Duration = Duration::from_secs(1);

/// Rounds in which to hear what the nodes have said, before what is due is done all the same.
const ROUNDS: usize = 100;

struct Thread {
    family: Family,
    policy: Supervisor,
    clinic: Clinic,
    mesh: Mesh<LinkKind>,
    shares: Shares,
    announcer: Announcer,
    manager: Manager,
    signals: Signalled,
    pid_file: PidFile,
    /// Whether the program ever was ready.
    ready: bool,
    happenings: mpsc::Receiver<Happening>,
    /// When supervision began, less the time in which this process stood still.
    began: Instant,
    ended: std_mpsc::Sender<End>,
}

/// What supervision waited for.
enum Woken {
    Happened(Option<Happening>),
    Signalled(io::Result<()>),
    Due,
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

impl Thread {
    fn run(mut self, runtime: &Runtime) {
        let finish = runtime.block_on(self.supervise());
        if let Some(why) = notice::failure(&finish, self.family.settings().start_timeout) {
            report::error!("{why}");
            self.manager.fails(&why);
        }
        self.manager.finish();
        // Before whoever waits for the end can see it.
        drop(self.pid_file);
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
            self.look_after_nodes();
            // A node that has died may have its successor ready by the end of this turn.
            if self.ready {
                self.tell_manager();
            }
            if let Some(finish) = self.act().await {
                return finish;
            }
            // Before a link to a node that came, and after those to one that went.
            self.family.tell_members();
            self.connect();
            let all_told = self.tell_manager() & self.announcer.send(&self.family);
            let all_sent = self.family.hand_out() & all_told;
            self.wait((!all_sent).then_some(RETRY)).await;
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Waits for the next thing to happen, but no longer than `retry`, and tells policy.
    async fn wait(&mut self, retry: Option<Duration>) {
        let retry = retry.map(|retry| self.now() + retry);
        let policy = [self.policy.poll_timeout(), self.clinic.poll_timeout()];
        let due = policy.into_iter().chain([self.manager.poll_timeout(), retry]).flatten().min();
        let due = due.and_then(|at| self.began.checked_add(at));
        let timeout = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        let woken = tokio::select! {
            happening = self.happenings.recv() => Woken::Happened(happening),
            ready = self.signals.ready.readable() => Woken::Signalled(ready),
            () = timeout => Woken::Due,
        };
        self.discount(due);
        match woken {
            Woken::Happened(None) => {}
            Woken::Happened(Some(happening)) => self.happened(happening),
            Woken::Signalled(Ok(())) => self.take_signals(),
            Woken::Signalled(Err(error)) => report::error!("cannot wait for signals: {error}"),
            Woken::Due => {
                self.hear_all().await;
                let now = self.now();
                self.policy.handle_timeout(now);
                self.clinic.handle_timeout(now);
            }
        }
    }

    /// Has the time not count in which this process was stopped, or had no CPU: nobody could do
    /// what was due in it.
    fn discount(&mut self, due: Option<Instant>) {
        let late = due.map(|due| due.elapsed()).filter(|late| *late > LATE);
        if let Some(began) = late.and_then(|late| self.began.checked_add(late)) {
            self.began = began;
        }
    }

    /// Takes in what the nodes have said by now: who said that it is ready just in time is not late
    /// because this thread is.
    async fn hear_all(&mut self) {
        for _ in 0..ROUNDS {
            // Now the tasks run that take it off the sockets.
            tokio::task::yield_now().await;
            while let Ok(happening) = self.happenings.try_recv() {
                self.happened(happening);
            }
            if !self.family.anything_unheard() {
                return;
            }
        }
    }

    /// Makes the links that are wanted, as far as they can be handed out.
    fn connect(&mut self) {
        while self.family.has_room_for_links() {
            match self.mesh.poll() {
                Some(Step::Link(Pair { a, b, kind })) => self.family.connect(a, b, kind),
                Some(Step::Linked { node, kind }) => self.family.linked(node, kind),
                None => return,
            }
        }
    }

    /// Tells the service manager how the program is, and others that it is ready; whether the
    /// service manager had room for that.
    fn tell_manager(&mut self) -> bool {
        self.manager.handle_timeout(self.now());
        let (live, wanted) = self.policy.serving();
        if !self.ready && (live >= wanted || !self.family.settings().listens()) {
            self.ready = true;
            self.pid_file.write();
        }
        let generation = self.policy.generation();
        self.manager.serves(Serving { live, wanted, generation });
        self.manager.tell()
    }
}
