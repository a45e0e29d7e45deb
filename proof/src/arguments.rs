//! Which rows are to be proved, and how hard.

use crate::rows::{ROWS, Row};

/// Requests a second of all clients together: what leaves the two cores of a small machine, which
/// the client shares, some room.
const RATE: u32 = 4_000;

/// The command line, read.
pub(crate) struct Arguments {
    pub(crate) rows: Vec<&'static Row>,
    /// In place of each row's own number of changes.
    pub(crate) times: Option<usize>,
    /// Requests a second.
    pub(crate) rate: u32,
    /// As it was given, for the table's foot.
    pub(crate) given: Vec<String>,
}

impl Arguments {
    /// Reads the arguments, or says how to give them.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Arguments, String> {
        let given: Vec<String> = arguments.collect();
        let mut rows = Vec::new();
        let mut times = None;
        let mut rate = RATE;
        let mut rest = given.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--times" => times = Some(number(argument, rest.next())?),
                "--rate" => rate = number(argument, rest.next())?,
                "--help" => return Err(usage()),
                name => match ROWS.iter().find(|row| row.name == name) {
                    Some(row) => rows.push(row),
                    None => return Err(format!("`{name}` is no row\n{}", usage())),
                },
            }
        }
        if rows.is_empty() {
            rows = ROWS.iter().collect();
        }
        Ok(Arguments { rows, times, rate, given })
    }
}

fn number<N: std::str::FromStr + PartialOrd + From<u8>>(
    option: &str,
    given: Option<&String>,
) -> Result<N, String> {
    given
        .and_then(|text| text.parse().ok())
        .filter(|number| *number >= N::from(2))
        .ok_or_else(|| format!("{option}: expected a number from 2\n{}", usage()))
}

fn usage() -> String {
    let mut usage = format!(
        "usage: cargo run --release -p multi-node-proof -- [--times N] [--rate N] [row…]\n\
         as many changes as stand below and {RATE} requests a second; all rows unless some are \
         named:\n"
    );
    for row in &ROWS {
        usage.push_str(&format!("  {:18}{:4} x {}\n", row.name, row.times, row.what));
    }
    usage
}
