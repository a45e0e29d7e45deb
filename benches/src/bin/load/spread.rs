//! Holds connections open and counts which process answers each.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;

use crate::connection::{Connection, Turn};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
const PATIENCE_MS: u16 = 5_000;

/// How the connections arrive.
#[derive(Clone, Copy)]
pub(crate) enum Arrival {
    /// The next one when the one before has been answered.
    Single,
    /// All before the first request.
    Burst,
}

/// Prints `counts` and, for each process that answered, how many connections it has.
pub(crate) fn spread(
    address: SocketAddrV4,
    connections: usize,
    arrival: Arrival,
) -> Result<(), String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut held = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut connection = Connection::open(address).map_err(|errno| errno.to_string())?;
        if let Arrival::Single = arrival {
            *counts.entry(ask(&mut connection)?).or_default() += 1;
        }
        held.push(connection);
    }
    if let Arrival::Burst = arrival {
        for connection in &mut held {
            *counts.entry(ask(connection)?).or_default() += 1;
        }
    }
    let counts: Vec<String> = counts.values().map(usize::to_string).collect();
    println!("counts {}", counts.join(" "));
    Ok(())
}

/// Asks for the process id of the node at the other end.
fn ask(connection: &mut Connection) -> Result<String, String> {
    connection.request(REQUEST, Instant::now()).map_err(|errno| errno.to_string())?;
    loop {
        let mut polled = [PollFd::new(connection.as_fd(), PollFlags::POLLIN)];
        if poll(&mut polled, PollTimeout::from(PATIENCE_MS)).map_err(|e| e.to_string())? == 0 {
            return Err(format!("no answer within {PATIENCE_MS} ms"));
        }
        match connection.readable() {
            Turn::Waiting => {}
            Turn::Answered => return Ok(String::from_utf8_lossy(connection.body()).into_owned()),
            Turn::Closed { .. } | Turn::Failed => {
                return Err("no answer to the request for the process id".to_owned());
            }
        }
    }
}
