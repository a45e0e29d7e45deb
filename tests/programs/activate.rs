//! A service manager in small: starts a scenario with sockets that listen already.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use crate::words::argument;

/// Becomes the scenario of the third argument. The second one names the sockets that it is given,
/// with commas between them: the first is the standard input, the others are bound here.
///
/// `LISTENER_PID` and `LISTENER_COUNT` in the environment are whom they are said to be for and how
/// many there are said to be, when that is not the truth.
pub(crate) fn activate() -> ! {
    let names = argument(2);
    let mut sockets: Vec<OwnedFd> = Vec::new();
    for (index, _) in names.split(',').enumerate() {
        sockets.push(match index {
            0 => io::stdin().as_fd().try_clone_to_owned().expect("there is room for an fd"),
            _ => TcpListener::bind("127.0.0.1:0").expect("a port").into(),
        });
    }
    for (number, socket) in (3..).zip(&sockets) {
        assert_eq!(socket.as_raw_fd(), number, "the first sockets of a process");
        fcntl(socket, FcntlArg::F_SETFD(FdFlag::empty())).expect("it is open");
    }
    let lie = |name: &str| std::env::var(name).ok();
    let pid = lie("LISTENER_PID").unwrap_or_else(|| std::process::id().to_string());
    let count = lie("LISTENER_COUNT").unwrap_or_else(|| sockets.len().to_string());
    let image = std::env::current_exe().expect("a path");
    let error = Command::new(image)
        .args(std::env::args_os().skip(3))
        .env("LISTEN_PID", pid)
        .env("LISTEN_FDS", count)
        .env("LISTEN_FDNAMES", names.replace(',', ":"))
        .stdin(Stdio::null())
        .exec();
    panic!("cannot become the scenario: {error}")
}
