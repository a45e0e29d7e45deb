use std::os::fd::AsFd;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::*;

#[test]
fn a_datagram_arrives_with_its_fds() {
    let (one, other) = packet_pair().unwrap();
    let (a, b) = stream_pair().unwrap();
    send(one.as_fd(), b"two", &[a.as_fd(), b.as_fd()]).unwrap();
    send(one.as_fd(), b"none", &[]).unwrap();
    assert!(waiting(other.as_fd()).unwrap() > 0);
    let mut buffer = [0; 16];
    let (length, fds) = receive(other.as_fd(), &mut buffer).unwrap();
    assert_eq!((&buffer[..length], fds.len()), (&b"two"[..], 2));
    nix::unistd::write(&fds[0], b"!").unwrap();
    assert_eq!(nix::unistd::read(&b, &mut [0; 2]), Ok(1), "it is the same socket");
    let (length, fds) = receive(other.as_fd(), &mut buffer).unwrap();
    assert_eq!((&buffer[..length], fds.len()), (&b"none"[..], 0));
    drop(one);
    assert_eq!(waiting(other.as_fd()).unwrap(), 0, "an end is nothing to take");
    assert_eq!(receive(other.as_fd(), &mut buffer).unwrap().0, 0, "the other side is gone");
}

#[test]
fn what_is_too_long_is_refused_and_its_fds_are_closed() {
    let (one, other) = packet_pair().unwrap();
    let (passed, far) = stream_pair().unwrap();
    send(one.as_fd(), b"too long", &[passed.as_fd()]).unwrap();
    drop(passed);
    let error = receive(other.as_fd(), &mut [0; 3]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert_eq!(nix::unistd::read(&far, &mut [0]), Ok(0), "nobody has its other end");
}

/// Alone in a process of its own: no other test would like the limit.
#[test]
fn of_fds_for_which_there_is_no_room_some_come_and_none_leaks() {
    const ALONE: &str = "MULTI_NODE_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let test = std::thread::current().name().unwrap().to_owned();
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        let status = alone.args(["--exact", &test]).env(ALONE, "1").status().unwrap();
        assert!(status.success());
        return;
    }
    let (one, other) = packet_pair().unwrap();
    let (passed, far) = stream_pair().unwrap();
    let fds = [passed.as_fd(); 8];
    send(one.as_fd(), b"eight", &fds).unwrap();
    drop(passed);
    let next_fd = other.try_clone().unwrap().as_raw_fd();
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, next_fd.cast_unsigned() as u64 + 3, hard).unwrap();
    let mut buffer = [0; 16];
    let (length, fds) = receive(other.as_fd(), &mut buffer).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    assert_eq!(&buffer[..length], b"eight", "what it says is whole");
    assert!(!fds.is_empty() && fds.len() < 8, "{} came", fds.len());
    drop(fds);
    assert_eq!(nix::unistd::read(&far, &mut [0]), Ok(0), "nobody has its other end");
}
