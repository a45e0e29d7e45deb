//! Changes running programs under load and prints one table of what became of the requests.
//!
//! ```text
//! cargo run --release -p multi-node-proof -- [--times N] [--rate N] [row…]
//! ```
//!
//! 64 clients ask all the time. Through the first half of a row's changes each connects for every
//! request, through the second half each keeps its connection. A request counts as answered when
//! its own answer comes: the client numbers its requests. Everything else is failed, also a kept
//! connection that the server closed while a request was on its way: nothing is asked twice.

mod arguments;
mod build;
mod gunicorn;
mod halves;
mod nginx;
mod peer;
mod resources;
mod rows;
mod stops;
mod subject;
mod table;

use std::process::ExitCode;

use arguments::{Arguments, Wanted};

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Wanted::Proof(arguments)) => arguments,
        Ok(Wanted::Help(usage)) => {
            print!("{usage}");
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("multi-node-proof: {wrong}");
            return ExitCode::FAILURE;
        }
    };
    if let Err(reason) = build::programs() {
        eprintln!("multi-node-proof: {reason}");
        return ExitCode::FAILURE;
    }
    let mut table = table::Table::new(&arguments);
    for row in &arguments.rows {
        eprintln!("{}", row.name);
        table.add(row.prove(&arguments));
    }
    print!("{table}");
    if table.is_proof() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
