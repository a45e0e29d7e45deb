//! What the kernel and the memory allow: `peer_bare <socket|ring> <kind> <size> <ms>`.
//!
//! Bytes alone between two processes, by a blocking Unix socket whose small messages go out 64 KiB
//! at a time, or by a ring in shared memory on which both sides spin. Nothing is faster; nothing
//! is encoded, bounded or watched either.

mod ring;
mod socket;

use std::env;

use multi_node_benches::{Follower, Task, die_with_parent, follow_raw, lead_raw};

use ring::Ring;
use socket::Socket;

fn main() -> Result<(), String> {
    die_with_parent();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (carrier, rest) = arguments.split_first().ok_or("expected <socket|ring>")?;
    let task = Task::parse(rest)?;
    match (carrier.as_str(), Follower::is_this(rest)) {
        ("socket", false) => {
            let (mut ours, theirs) = Socket::pair(task.size())?;
            let _follower = Follower::start(&arguments, theirs).map_err(text)?;
            lead_raw(&mut ours, &task)
        }
        ("socket", true) => {
            let end = Follower::inherited().map_err(text)?;
            follow_raw(&mut Socket::new(end, task.size()), &task)
        }
        ("ring", false) => {
            let (mut ours, theirs) = Ring::create(task.size())?;
            let _follower = Follower::start(&arguments, theirs).map_err(text)?;
            lead_raw(&mut ours, &task)
        }
        ("ring", true) => {
            let memory = Follower::inherited().map_err(text)?;
            follow_raw(&mut Ring::open(&memory, task.size())?, &task)
        }
        (other, _) => Err(format!("{other}: expected <socket|ring>")),
    }
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
