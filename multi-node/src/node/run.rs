//! Runs the user's `main` in this process, whichever node it is, and brings it to its end.
//!
//! Says how `main` ended and leaves the process to its caller.

use std::any::Any;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{ExitCode, Termination};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::beat;
use super::control::Control;
use super::{Inner, Nodes};
use crate::config::{Flavor, NodeId, Readiness};
use crate::error::{EXIT_FAILURE, EXIT_PANIC};
use crate::link::control::{Ended, ToMaster, Welcome};
use crate::policy::health::Pace;
use crate::report;
use crate::sys::process;
use crate::sys::signal::Signals;

/// How long a node that leaves tries to hand its last messages to the kernel.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// This process as a node, about to run `main`.
#[derive(Clone)]
pub(crate) struct Node {
    nodes: Nodes,
    runtime: Arc<Runtime>,
    pace: Pace,
    /// `listen = none`: a `main` that returns success has finished.
    computes: bool,
}

impl Node {
    /// Becomes the node that `welcome` describes, and starts the control thread. `signals` is a
    /// worker's; those of the master's process are supervision's.
    ///
    /// # Errors
    /// What the kernel says when there is no room for a runtime or for a thread.
    pub(crate) fn enter(
        control: Control,
        welcome: Welcome,
        fds: Vec<OwnedFd>,
        signals: Option<Signals>,
        program: &str,
    ) -> io::Result<Node> {
        report::speak_as(NodeId(welcome.node));
        let is_master = signals.is_none();
        let role = if is_master { "master".to_owned() } else { welcome.slot.to_string() };
        process::name(program, &role);
        let runtime = runtime(welcome.flavor)?;
        let computes = welcome.listeners.is_empty();
        let pace = welcome.pace;
        let nodes = Nodes::new(control, welcome, fds, is_master, runtime.handle().clone())?;
        nodes.start_control(signals)?;
        Ok(Node { nodes, runtime: Arc::new(runtime), pace, computes })
    }

    /// Runs an async `main` to its end, or to where it is left behind.
    pub(crate) fn run<R, F>(self, main: impl FnOnce(Nodes) -> F) -> u8
    where
        R: Termination,
        F: Future<Output = R>,
    {
        self.ready_if_it_computes();
        self.runtime.spawn(self.nodes.report(self.pace));
        let nodes = self.nodes.clone();
        let left_behind = self.nodes.left_behind();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            self.runtime.block_on(async {
                tokio::select! {
                    biased;
                    value = async { main(nodes).await } => Some(value),
                    () = left_behind => None,
                }
            })
        }));
        self.end(outcome)
    }

    /// Runs a plain `main` on this thread, and links and handlers on one of the library, which
    /// calls `leave` when `main` is left behind.
    pub(crate) fn run_blocking<R: Termination>(
        self,
        main: impl FnOnce(Nodes) -> R,
        leave: impl FnOnce(u8) + Send + 'static,
    ) -> u8 {
        self.ready_if_it_computes();
        let nodes = self.nodes.clone();
        let library = self.clone();
        let spawned =
            std::thread::Builder::new().name("multi-node:lib".to_owned()).spawn(move || {
                library.runtime.spawn(library.nodes.report(library.pace.unwatched()));
                library.runtime.block_on(library.nodes.left_behind());
                leave(library.end::<()>(Ok(None)));
            });
        if let Err(error) = spawned {
            report::error!("cannot start the thread for messages: {error}");
            return EXIT_FAILURE;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| Some(main(nodes))));
        self.end(outcome)
    }

    fn ready_if_it_computes(&self) {
        if self.computes && self.nodes.0.life.readiness() == Readiness::Implicit {
            self.nodes.ready();
        }
    }

    /// What is left to do once `main` has ended; the exit code.
    fn end<R: Termination>(self, outcome: Result<Option<R>, Box<dyn Any + Send>>) -> u8 {
        let told = self.nodes.draining();
        let code = match outcome {
            Ok(Some(value)) => exit_code(value.report()),
            Ok(None) => 0,
            Err(_) => EXIT_PANIC,
        };
        self.explain(code, told);
        // The master's process goes on, in another program: nobody else would.
        let _ = io::stdout().flush();
        let inner = &self.nodes.0;
        self.runtime.block_on(async {
            if told {
                // Connections that outlive `main` in tasks of their own; the deadline of the
                // drain is the control thread's.
                inner.listeners.closed().await;
                inner.hub.finish_requests().await;
            }
            for peer in inner.hub.flush(Instant::now() + FLUSH_TIMEOUT).await {
                report::warn!("what was last sent to node {peer} may be lost: it does not read");
            }
        });
        if let Some(runtime) = Arc::into_inner(self.runtime) {
            // The master still waits for its workers: its tasks and its links end now.
            runtime.shutdown_background();
        }
        inner.life.end();
        inner.control.say(&ToMaster::Ended(if code == 0 { Ended::Ok } else { Ended::Failed }));
        code
    }

    /// Names the node whose `main` failed, or ended although nobody had told it to.
    fn explain(&self, code: u8, told: bool) {
        let slot = self.nodes.slot();
        match code {
            0 if told || self.computes => {}
            0 => report::warn!(
                "slot {slot}: main returned without having been told to; \
                 end it with `nodes.shutdown().await` to keep this node alive"
            ),
            EXIT_PANIC => report::warn!("slot {slot}: main panicked"),
            code => report::warn!("slot {slot}: main returned a failure, exit code {code}"),
        }
    }
}

impl Nodes {
    /// Tells the master how this node is, until it drains.
    fn report(&self, pace: Pace) -> impl Future<Output = ()> + Send + 'static {
        let Inner { control, listeners, life, .. } = &*self.0;
        beat::report(pace, Arc::clone(control), listeners.tally(), Arc::clone(life))
    }

    /// Resolves when this node drains, its last connection has closed, and its `main` never
    /// asked to be told; not when `main` accepts by itself, so that nobody knows of the last.
    fn left_behind(&self) -> impl Future<Output = ()> + Send + 'static {
        let drained = self.0.life.drained();
        let inner = Arc::clone(&self.0);
        async move {
            drained.await;
            inner.listeners.closed().await;
            if inner.life.asked() || inner.listeners.is_apart() {
                std::future::pending::<()>().await;
            }
        }
    }
}

fn runtime(flavor: Flavor) -> io::Result<Runtime> {
    let mut builder = match flavor {
        Flavor::CurrentThread => Builder::new_current_thread(),
        Flavor::MultiThread { .. } => Builder::new_multi_thread(),
    };
    if let Flavor::MultiThread { worker_threads: Some(threads) } = flavor {
        builder.worker_threads(threads);
    }
    builder.enable_all().build()
}

/// The number in an `ExitCode`, which does not give it away.
fn exit_code(code: ExitCode) -> u8 {
    (0..=u8::MAX).find(|number| ExitCode::from(*number) == code).unwrap_or(EXIT_FAILURE)
}
