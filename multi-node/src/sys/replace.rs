//! This process gives way to another program in place, by execve: same pid, same children, and
//! the fds that are named stay open.
//!
//! Every fd is close-on-exec, and so must those that cross be until nobody can start a process
//! any more: a child of user code that held a listener would keep its port. So the last steps are
//! taken by a thread that first makes a table of fds of its own: by `close_range(2)`,
//! `CLOSE_RANGE_UNSHARE`, or where that is missing (before Linux 5.9) or forbidden (by older
//! seccomp profiles of containers), by `unshare(2)`, `CLONE_FILES`. What it opens up for the exec
//! is open in its table alone; all others still start processes with the table in which everything
//! closes.

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::thread;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::unistd::execveat;

use super::process::{Image, fd_limit, pid};
use super::sealed;
use super::signal::Held;

/// Tells the new program what it takes over: `<its pid>:<the fd of the state>`. In a child of
/// either program the first half is not true.
pub(super) const TOKEN: &str = "MULTI_NODE_TAKEOVER";

/// Replaces this program by `image`, which finds `state` with [`state_left`] and the fds that
/// `crossing` names open under the same numbers. It is not tried when the new program could not
/// open `needed` fds more.
///
/// Signals that supervision handles are held back from here on until the new program is ready for
/// them. Returns only when it failed; then nothing has changed.
pub(crate) fn replace(
    image: &Image,
    args: &[OsString],
    env: &[(OsString, OsString)],
    state: BorrowedFd<'_>,
    crossing: &[BorrowedFd<'_>],
    needed: usize,
) -> io::Error {
    let program = match Program::new(args, env, state) {
        Ok(program) => program,
        Err(error) => return error,
    };
    thread::scope(|scope| {
        let last_steps = || {
            let Err(error) = exec(image, &program, state, crossing, needed);
            error
        };
        let name = "multi-node:exec".to_owned();
        match thread::Builder::new().name(name).spawn_scoped(scope, last_steps) {
            Ok(thread) => thread
                .join()
                .unwrap_or_else(|_| io::Error::other("the thread that was to do it panicked")),
            Err(error) => error,
        }
    })
}

/// The arguments and the environment of the new program.
struct Program {
    args: Vec<CString>,
    env: Vec<CString>,
}

impl Program {
    fn new(
        args: &[OsString],
        env: &[(OsString, OsString)],
        state: BorrowedFd<'_>,
    ) -> io::Result<Program> {
        let token = format!("{TOKEN}={}:{}", pid(), state.as_raw_fd());
        let variables = env.iter().filter(|(name, _)| name != TOKEN).map(|(name, value)| {
            let mut variable = name.clone();
            variable.push("=");
            variable.push(value);
            to_c(&variable)
        });
        Ok(Program {
            args: args.iter().map(|arg| to_c(arg)).collect::<io::Result<_>>()?,
            env: variables.chain([to_c(OsStr::new(&token))]).collect::<io::Result<_>>()?,
        })
    }
}

fn to_c(text: &OsStr) -> io::Result<CString> {
    Ok(CString::new(text.as_bytes())?)
}

/// Runs on a thread that ends when this fails, and its table of fds with it.
fn exec(
    image: &Image,
    program: &Program,
    state: BorrowedFd<'_>,
    crossing: &[BorrowedFd<'_>],
    needed: usize,
) -> io::Result<Infallible> {
    own_table()?;
    let _held = Held::hold()?;
    set_crossing(state)?;
    for fd in crossing {
        set_crossing(*fd)?;
    }
    check_room(needed)?;
    Ok(execveat(image, c"", &program.args, &program.env, AtFlags::AT_EMPTY_PATH)?)
}

/// Gives the calling thread a table of fds of its own, with all that is open.
fn own_table() -> io::Result<()> {
    // SAFETY: three integers; no fd is as high as the range, so none is closed.
    let unshared = unsafe {
        libc::syscall(libc::SYS_close_range, u32::MAX, u32::MAX, libc::CLOSE_RANGE_UNSHARE)
    };
    match Errno::result(unshared) {
        Ok(_) => Ok(()),
        Err(Errno::ENOSYS | Errno::EINVAL | Errno::EPERM | Errno::EACCES) => unshare_table(),
        Err(error) => Err(error.into()),
    }
}

/// As [`own_table`]; what forbids new namespaces often forbids this too.
fn unshare_table() -> io::Result<()> {
    // SAFETY: the thread stops sharing its table of fds and nothing else; the numbers stay valid.
    let unshared = unsafe { libc::unshare(libc::CLONE_FILES) };
    Errno::result(unshared)?;
    Ok(())
}

/// Sees to it that the new program finds room for `needed` fds more than those that cross: it has
/// no way back.
///
/// What crosses is what is not close-on-exec in the calling thread's table. Fds get the lowest
/// numbers that are free, and only those below the limit, whatever is open above it.
fn check_room(needed: usize) -> io::Result<()> {
    let limit = usize::try_from(fd_limit()).unwrap_or(usize::MAX);
    let mut taken = 0;
    for entry in std::fs::read_dir("/proc/thread-self/fd")? {
        let name = entry?.file_name();
        let Some(fd) = name.to_str().and_then(|name| name.parse::<RawFd>().ok()) else { continue };
        // SAFETY: fcntl only looks at the number, in this thread's own table.
        let closes = is_close_on_exec(unsafe { BorrowedFd::borrow_raw(fd) })?;
        taken += usize::from(!closes && (fd.cast_unsigned() as usize) < limit);
    }
    if limit.saturating_sub(taken) >= needed {
        return Ok(());
    }
    let text = format!(
        "{needed} more files must be open then, beside {taken} that stay open, and only {limit} \
         may be (ulimit -n)"
    );
    Err(io::Error::other(text))
}

fn set_crossing(fd: BorrowedFd<'_>) -> io::Result<()> {
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
    Ok(())
}

/// # Errors
/// `EBADF` when there is no such fd.
pub(crate) fn is_close_on_exec(fd: BorrowedFd<'_>) -> io::Result<bool> {
    let flags = FdFlag::from_bits_truncate(fcntl(fd, FcntlArg::F_GETFD)?);
    Ok(flags.contains(FdFlag::FD_CLOEXEC))
}

/// The state that a predecessor in this very process left; `None` for a process that started
/// otherwise.
///
/// # Errors
/// `InvalidData` when the token names no state.
pub(crate) fn state_left() -> io::Result<Option<OwnedFd>> {
    let Some(token) = std::env::var_os(TOKEN) else {
        return Ok(None);
    };
    let token = token.to_string_lossy();
    let Some((process, fd)) = token.split_once(':') else {
        return Ok(None);
    };
    if process.parse() != Ok(pid()) {
        return Ok(None);
    }
    let broken =
        || io::Error::new(io::ErrorKind::InvalidData, format!("{TOKEN}={token}: no state"));
    let fd: RawFd = fd.parse().map_err(|_| broken())?;
    // SAFETY: a number that is not open makes the look at its seals fail, and no more is done.
    if !sealed::is_sealed(unsafe { BorrowedFd::borrow_raw(fd) }) {
        return Err(broken());
    }
    claim(&[fd]).map(|mut state| state.pop())
}

/// The fds that a predecessor left open, close-on-exec again.
///
/// Only for numbers out of the state that [`state_left`] found, each once.
///
/// # Errors
/// `EBADF` when one is not open.
pub(crate) fn claim(left: &[RawFd]) -> io::Result<Vec<OwnedFd>> {
    for fd in left {
        // SAFETY: a number that is not open makes fcntl fail, which ends this.
        fcntl(unsafe { BorrowedFd::borrow_raw(*fd) }, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    }
    // SAFETY: they are open, and as they were open when this program began, nobody in it was ever
    // given these numbers: the state alone names them.
    Ok(left.iter().map(|fd| unsafe { OwnedFd::from_raw_fd(*fd) }).collect())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn what_a_thread_opens_up_for_the_exec_stays_closed_for_all_others() {
        for own_table in [own_table, unshare_table] {
            let file = File::open("/proc/self/exe").unwrap();
            let fd = file.as_fd();
            thread::scope(|scope| {
                let other = scope.spawn(|| {
                    match own_table() {
                        // A container may forbid one of the two.
                        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return,
                        made => made.unwrap(),
                    }
                    set_crossing(fd).unwrap();
                    assert!(!is_close_on_exec(fd).unwrap(), "in its own table it is open");
                });
                other.join().unwrap();
            });
            assert!(is_close_on_exec(fd).unwrap(), "in everybody else's it is not");
        }
    }

    #[test]
    fn a_program_that_would_not_have_room_for_its_fds_is_not_executed() {
        let image = Image::running().unwrap();
        let state = sealed::seal(c"test", b"state").unwrap();
        let args = [OsString::from("program")];
        let error = replace(&image, &args, &[], state.as_fd(), &[], usize::MAX);
        assert!(error.to_string().contains("more files must be open"), "{error}");
        assert!(is_close_on_exec(state.as_fd()).unwrap());
        let room = usize::try_from(fd_limit()).unwrap();
        thread::scope(|scope| {
            let counts = scope.spawn(|| {
                own_table().unwrap();
                check_room(room - 64).unwrap();
                set_crossing(state.as_fd()).unwrap();
                assert!(check_room(room).is_err(), "what crosses takes room");
            });
            counts.join().unwrap();
        });
    }

    #[test]
    fn a_program_that_cannot_be_executed_leaves_this_one_as_it_was() {
        let image = Image::from_fd(File::open("/dev/null").unwrap().into());
        let state = sealed::seal(c"test", b"state").unwrap();
        let file = File::open("/proc/self/exe").unwrap();
        let args = [OsString::from("program")];
        let error = replace(&image, &args, &[], state.as_fd(), &[file.as_fd()], 0);
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}");
        assert!(
            is_close_on_exec(file.as_fd()).unwrap() && is_close_on_exec(state.as_fd()).unwrap()
        );
    }

    #[test]
    fn a_token_of_another_process_or_of_none_means_nothing() {
        assert!(state_left().unwrap().is_none());
    }
}
