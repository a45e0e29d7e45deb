//! The client: one thread, one epoll, blocking nowhere but in it.
//!
//! ```text
//! load closed <address> <connections> <keep|close> <warm-up ms> <ms>
//! load open   <address> <connections> <requests a second> <warm-up ms> <ms>
//! load spread <address> <connections> <single|burst>
//! ```
//!
//! `closed` sends the next request when the answer is there; `open` sends by the clock and counts
//! the wait from when a request was due. Both say `warm` after the warm-up and go on when a line
//! comes in, so that whoever started them can read the servers' CPU time around the measured part;
//! then `done` with the figures, and they leave when another line comes in. `spread` holds its
//! connections open and says how many each process answered.

mod answer;
mod connection;
mod drive;
mod spread;
mod tally;

use std::net::SocketAddrV4;
use std::process::ExitCode;
use std::time::Duration;

use drive::{Client, Reuse};
use spread::Arrival;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    multi_node_benches::die_with_parent();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("load {}: {reason}", arguments.join(" "));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), String> {
    match *arguments {
        ["closed", address, connections, reuse, warm_up, measured] => {
            let reuse = match reuse {
                "keep" => Reuse::Keep,
                "close" => Reuse::Close,
                other => return Err(format!("`{other}`: expected `keep` or `close`")),
            };
            let client = Client::connect(parse(address)?, parse(connections)?, reuse)?;
            client.closed(millis(warm_up)?, millis(measured)?)
        }
        ["open", address, connections, rate, warm_up, measured] => {
            let client = Client::connect(parse(address)?, parse(connections)?, Reuse::Keep)?;
            client.open(parse(rate)?, millis(warm_up)?, millis(measured)?)
        }
        ["spread", address, connections, arrival] => {
            let arrival = match arrival {
                "single" => Arrival::Single,
                "burst" => Arrival::Burst,
                other => return Err(format!("`{other}`: expected `single` or `burst`")),
            };
            spread::spread(parse::<SocketAddrV4>(address)?, parse(connections)?, arrival)
        }
        _ => Err("expected `closed`, `open` or `spread` with its arguments".to_owned()),
    }
}

fn parse<T: std::str::FromStr>(text: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| format!("`{text}`: {error}"))
}

fn millis(text: &str) -> Result<Duration, String> {
    parse(text).map(Duration::from_millis)
}
