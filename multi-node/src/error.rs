//! What ends a program before its `main` runs. One line each: what was wrong, where, and what
//! is expected.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::config::Addr;

/// Exit code for options that make no sense (`EX_CONFIG` in BSD's sysexits.h).
pub(crate) const EXIT_CONFIG: u8 = 78;

/// Exit code for everything else that ends a program.
pub(crate) const EXIT_FAILURE: u8 = 1;

/// Exit code of a program whose `main` panicked, as the standard library has it.
pub(crate) const EXIT_PANIC: u8 = 101;

/// An option with a value that it cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}={value:?}: expected {expected}")]
pub(crate) struct OptionError {
    /// The option, or the environment variable that set it.
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) expected: String,
}

/// Why a program could not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Option(#[from] OptionError),
    #[error(
        "cannot find the address of host {host:?}: {cause}; expected an address, or a name that \
         this machine can look up (MULTI_NODE_HOST, MULTI_NODE_LISTEN)"
    )]
    Host { host: String, cause: io::Error },
    #[error(
        "cannot listen on {addr}: the port is taken; end the program that listens there \
         (`ss -ltnp 'sport = :{}'` names it) or choose another port (MULTI_NODE_PORT, MULTI_NODE_LISTEN)",
        addr.port()
    )]
    PortTaken { addr: SocketAddr },
    #[error(
        "cannot listen on {addr}: not permitted; ports below 1024 need root or \
         CAP_NET_BIND_SERVICE: choose another port (MULTI_NODE_PORT, MULTI_NODE_LISTEN) or grant the capability"
    )]
    PortDenied { addr: SocketAddr },
    #[error(
        "cannot listen on {addr}: this machine has no such address; \
         0.0.0.0 listens on all of them (MULTI_NODE_HOST, MULTI_NODE_LISTEN)"
    )]
    NoSuchAddress { addr: SocketAddr },
    #[error(
        "cannot listen on unix:{}: already served by {}; end it or choose another path \
         (MULTI_NODE_LISTEN)",
        path.display(),
        pid.map_or_else(|| "a process out of sight".to_owned(), |pid| format!("pid {pid}"))
    )]
    PathServed { path: PathBuf, pid: Option<i32> },
    #[error(
        "cannot listen on unix:{}: a file that is no socket is in the way; move it or choose \
         another path (MULTI_NODE_LISTEN)",
        path.display()
    )]
    NoSocket { path: PathBuf },
    #[error("cannot listen on {addr}: {cause}")]
    Listen { addr: Addr, cause: io::Error },
    #[error(
        "cannot become the user and group asked for: not permitted; start the program as root or \
         as that user, or without these options (MULTI_NODE_USER, MULTI_NODE_GROUP)"
    )]
    IdentityDenied,
    #[error("already running{}: it has the pid file {pid_file}", .pid.map_or_else(String::new, |pid| format!(" as pid {pid}")))]
    AlreadyRuns { pid: Option<u32>, pid_file: String },
    #[error("cannot have the pid file {pid_file}: {cause}")]
    PidFile { pid_file: String, cause: io::Error },
    #[error("cannot {what}: {cause}")]
    System { what: &'static str, cause: io::Error },
}

impl StartError {
    pub(crate) fn listen(addr: SocketAddr, cause: io::Error) -> StartError {
        match cause.kind() {
            io::ErrorKind::AddrInUse => StartError::PortTaken { addr },
            io::ErrorKind::PermissionDenied => StartError::PortDenied { addr },
            io::ErrorKind::AddrNotAvailable => StartError::NoSuchAddress { addr },
            _ => StartError::Listen { addr: Addr::Inet(addr), cause },
        }
    }

    pub(crate) fn listen_at(path: &Path) -> impl Fn(io::Error) -> StartError {
        move |cause| StartError::Listen { addr: Addr::Unix(Some(path.to_owned())), cause }
    }

    pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> StartError {
        move |cause| StartError::System { what, cause }
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            StartError::Option(_) | StartError::Host { .. } => EXIT_CONFIG,
            _ => EXIT_FAILURE,
        }
    }
}
