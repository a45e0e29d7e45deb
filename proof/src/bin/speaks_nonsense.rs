//! A program that has another idea of what a worker says to its master.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::thread;

fn main() -> io::Result<()> {
    let control = UnixDatagram::from(io::stdin().as_fd().try_clone_to_owned()?);
    for said in [&b"ready, I suppose"[..], &[0xff; 4_096], &[]] {
        control.send(said)?;
    }
    // It does not leave by itself.
    loop {
        thread::park();
    }
}
