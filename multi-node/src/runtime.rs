//! Finds out which role this process has, and lives it to its end.
//!
//! This is what the attribute expands to a call of. The process ends here, in every role.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Termination;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::builder::Builder;
use crate::error::{EXIT_FAILURE, StartError};
use crate::init;
use crate::master::{self, Supervision};
use crate::node::Nodes;
use crate::node::control::{Calling, Control};
use crate::node::run::Node;
use crate::rehearsal;
use crate::report;
use crate::sys::process;
use crate::sys::replace;
use crate::sys::signal::Signals;

/// How long a process waits to be told what it is for: it was told before it was started.
const CALLING_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs `main` in this process as one of the program's nodes, and ends the process.
///
/// In the process that the user started, `configure` is called, the port is bound and the
/// workers are started; in a worker `configure` is not called at all. A reload calls it once, in
/// a process that then exits. Call it first thing: what stands before it runs in every process.
///
/// The exit code is that of `main` in a worker. In the master it is that of its `main` when that
/// returned by itself, and 0 after a signal that asked to stop; 78 for options that make no sense
/// and 1 when the program could not start.
///
/// # Panics
/// When it is called a second time.
pub fn run<R, F>(configure: impl FnOnce() -> Builder, main: impl FnOnce(Nodes) -> F) -> !
where
    R: Termination,
    F: Future<Output = R>,
{
    let Process { node, role } = Process::enter(configure);
    let code = node.run(main);
    role.leave(code)
}

/// As [`run`], for a plain `main` that brings its own runtime: links and handlers run on a thread
/// of the library.
///
/// # Panics
/// When it is called a second time.
pub fn run_blocking<R: Termination>(
    configure: impl FnOnce() -> Builder,
    main: impl FnOnce(Nodes) -> R,
) -> ! {
    let Process { node, role } = Process::enter(configure);
    let left_behind = role.clone();
    let code = node.run_blocking(main, move |code| left_behind.leave(code));
    role.leave(code)
}

/// As [`run`], for a `main` that takes nothing and so is ready when it starts.
#[doc(hidden)]
pub fn run_bare<R, F>(configure: impl FnOnce() -> Builder, main: impl FnOnce() -> F) -> !
where
    R: Termination,
    F: Future<Output = R>,
{
    run(configure, |nodes| {
        nodes.ready();
        main()
    })
}

/// This process, about to run `main`.
struct Process {
    node: Node,
    role: Role,
}

#[derive(Clone)]
enum Role {
    Master(Arc<Supervision>),
    Worker,
}

impl Process {
    fn enter(configure: impl FnOnce() -> Builder) -> Process {
        static ENTERED: AtomicBool = AtomicBool::new(false);
        let again = ENTERED.swap(true, Ordering::Relaxed);
        assert!(!again, "multi-node runs already: one process can run one `main` only, once");
        let program = std::env::args_os().next().unwrap_or_default();
        let program = Path::new(&program).file_name().unwrap_or(OsStr::new("node"));
        let program = program.to_string_lossy();
        Process::find(configure, &program).unwrap_or_else(|error| {
            report::line(format_args!("{error}"));
            process::exit(error.exit_code())
        })
    }

    /// Finds out which role this process has, and takes it.
    fn find(configure: impl FnOnce() -> Builder, program: &str) -> Result<Process, StartError> {
        let unknown = || StartError::system("find out this process's role");
        if let Some(socket) = process::control_socket().map_err(unknown())? {
            return Process::worker(socket, configure, program);
        }
        if let Some(state) = replace::state_left().map_err(unknown())? {
            return Ok(Process::next_master(master::take_over(state)?, program));
        }
        init::run_if_process_1();
        let settings = configure().settle(|variable| std::env::var_os(variable))?;
        let signals = Signals::install().map_err(StartError::system("handle signals"))?;
        let (supervision, control) = master::start(settings, signals)?;
        let node = Process::own_node(control, program)?;
        Ok(Process { node, role: Role::Master(Arc::new(supervision)) })
    }

    fn worker(
        socket: OwnedFd,
        configure: impl FnOnce() -> Builder,
        program: &str,
    ) -> Result<Process, StartError> {
        let signals = Signals::install().map_err(StartError::system("handle signals"))?;
        let control = Control::new(socket);
        let node = match control.calling(CALLING_TIMEOUT) {
            Ok(Calling::Rehearsal(state)) => rehearsal::rehearse(&control, state, configure),
            Ok(Calling::Node(welcome, fds)) => {
                Node::enter(control, *welcome, fds, Some(signals), program)
            }
            // The master is gone before this worker began: there is nobody to tell.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                process::exit(EXIT_FAILURE)
            }
            Err(error) => Err(error),
        };
        let node = node.map_err(StartError::system("start as a worker"))?;
        Ok(Process { node, role: Role::Worker })
    }

    /// A master that took over. Its workers serve, and it supervises them whether or not it has a
    /// node of its own.
    fn next_master(
        (supervision, control): (Supervision, Option<OwnedFd>),
        program: &str,
    ) -> Process {
        let Some(control) = control else {
            process::exit(supervision.finish(0));
        };
        match Process::own_node(control, program) {
            Ok(node) => Process { node, role: Role::Master(Arc::new(supervision)) },
            Err(error) => {
                report::line(format_args!("{error}"));
                process::exit(supervision.finish(error.exit_code()))
            }
        }
    }

    fn own_node(control: OwnedFd, program: &str) -> Result<Node, StartError> {
        let failed = StartError::system("start the master's own node");
        let control = Control::new(control);
        let node = match control.calling(CALLING_TIMEOUT) {
            Ok(Calling::Node(welcome, fds)) => Node::enter(control, *welcome, fds, None, program),
            Ok(Calling::Rehearsal(_)) => Err(io::ErrorKind::InvalidData.into()),
            Err(error) => Err(error),
        };
        node.map_err(failed)
    }
}

impl Role {
    /// Ends the process; the master first waits until its workers are gone.
    fn leave(&self, code: u8) -> ! {
        process::exit(match self {
            Role::Worker => code,
            Role::Master(supervision) => supervision.finish(code),
        })
    }
}
