use std::os::fd::AsFd;

use super::*;
use crate::sys::packet;

const SOON: Option<Duration> = Some(Duration::from_secs(10));

#[test]
fn select_finds_what_poll_finds() {
    let (one, other) = packet::stream_pair().unwrap();
    let now = Some(Duration::ZERO);
    let both = [one.as_fd(), other.as_fd()];
    assert_eq!(select(both, Until::Readable, now).unwrap(), [false, false]);
    assert_eq!(select(both, Until::Writable, SOON).unwrap(), [true, true]);
    nix::unistd::write(&one, b"!").unwrap();
    assert_eq!(select(both, Until::Readable, SOON).unwrap(), [false, true]);
    assert_eq!(readable(both, SOON).unwrap(), [false, true]);
    drop(one);
    let mut byte = [0];
    nix::unistd::read(&other, &mut byte).unwrap();
    assert_eq!(select([other.as_fd()], Until::Readable, None).unwrap(), [true], "at its end");
    assert_eq!(select([], Until::Readable, now).unwrap(), []);
}

#[test]
fn an_fd_may_be_higher_than_any_fd_set() {
    let (one, other) = packet::stream_pair().unwrap();
    let high = nix::fcntl::fcntl(&other, nix::fcntl::FcntlArg::F_DUPFD_CLOEXEC(2_000));
    let high = match high {
        // SAFETY: the kernel has just made it.
        Ok(fd) => unsafe { <std::os::fd::OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(fd) },
        Err(error) => return assert_eq!(error, Errno::EINVAL, "only the limit may forbid it"),
    };
    nix::unistd::write(&one, b"!").unwrap();
    assert_eq!(select([high.as_fd()], Until::Readable, SOON).unwrap(), [true]);
}
