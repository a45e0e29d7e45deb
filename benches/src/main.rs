//! Measures multi-node against its peers and prints one table.
//!
//! ```text
//! cargo run --release -p multi-node-benches -- [--quick] [--rounds N] [section…]
//! ```
//!
//! Every section starts its programs afresh for each sample and takes turns: A B C, B C A, C A B.
//! What the table compares was therefore measured within the same minute, and each ratio is that
//! of two neighbours. Nothing is tuned, pinned or left running.

mod arguments;
mod bench;
mod build;
mod carrier;
mod http;
mod load;
mod machine;
mod memory;
mod mesh;
mod messages;
mod peer;
mod proc_fs;
mod process;
mod spread;
mod start;
mod stats;
mod table;

use std::process::ExitCode;

use arguments::Arguments;
use bench::Bench;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::FAILURE;
        }
    };
    match measure(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("multi-node-benches: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the sections and prints the table of those that came through; says whether all did.
fn measure(arguments: &Arguments) -> Result<bool, String> {
    build::programs()?;
    process::adopt_orphans()?;
    let machine = machine::describe(arguments);
    let bench = Bench::new(arguments.plan)?;
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for section in &arguments.sections {
        eprintln!("{}", section.name);
        match (section.run)(&bench) {
            Ok(measured) => rows.extend(measured),
            Err(reason) => failed.push(format!("{}: {reason}", section.name)),
        }
    }
    let strays = process::end_strays();
    if strays > 0 {
        failed.push(format!("{strays} processes were left behind"));
    }
    print!("{}", table::render(&rows));
    println!("\n{machine}");
    for note in bench.notes().iter().chain(&failed) {
        println!("- {note}");
    }
    Ok(failed.is_empty())
}
