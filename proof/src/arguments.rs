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

/// What the command line asks for.
pub(crate) enum Wanted {
    /// How to use this program, in words.
    Help(String),
    Proof(Arguments),
}

impl Arguments {
    /// Reads the arguments, or says what is wrong with them.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Wanted, String> {
        let given: Vec<String> = arguments.collect();
        let mut rows = Vec::new();
        let mut times = None;
        let mut rate = RATE;
        let mut rest = given.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--times" => times = Some(number(argument, rest.next())?),
                "--rate" => rate = number(argument, rest.next())?,
                "--help" => return Ok(Wanted::Help(usage())),
                name => match ROWS.iter().find(|row| row.name == name) {
                    Some(row) => rows.push(row),
                    None => return Err(format!("`{name}` is no row and no option: see --help")),
                },
            }
        }
        if rows.is_empty() {
            rows = ROWS.iter().collect();
        }
        Ok(Wanted::Proof(Arguments { rows, times, rate, given }))
    }
}

fn number<N: std::str::FromStr + PartialOrd + From<u8>>(
    option: &str,
    given: Option<&String>,
) -> Result<N, String> {
    let number = given.and_then(|text| text.parse().ok()).filter(|number| *number >= N::from(2));
    number.ok_or_else(|| {
        let given = given.map_or("", String::as_str);
        format!("{option} `{given}`: expected a number, 2 or more")
    })
}

fn usage() -> String {
    let mut usage = format!(
        "Changes running programs under load and prints a table of what became of the requests.\n\
         \n\
         usage: cargo run --release -p multi-node-proof -- [--times N] [--rate N] [row...]\n\
         \n\
         --times N  that many changes a row, in place of the row's own number\n\
         --rate N   that many requests a second, all 64 clients together (default {RATE})\n\
         row...     only these rows; all unless some are named\n\
         \n\
         Exits with 1 when a request to multi-node failed that was not in flight on a killed node,\n\
         or a check of a row did. nginx and gunicorn are only shown, and only where installed.\n\
         \n\
         rows:\n"
    );
    for row in &ROWS {
        usage.push_str(&format!("  {:18}{:4} x {}\n", row.name, row.times, row.what));
    }
    usage
}
