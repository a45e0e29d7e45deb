//! The table, in Markdown, with its foot.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use multi_node_tests::Outcome;

use crate::arguments::Arguments;
use crate::halves::{Half, Halves};
use crate::rows::{Finding, Proved};

/// All rows so far.
pub(crate) struct Table {
    rows: Vec<Proved>,
    /// What it was measured with and on.
    foot: String,
}

impl Table {
    pub(crate) fn new(arguments: &Arguments) -> Table {
        Table { rows: Vec::new(), foot: foot(arguments) }
    }

    pub(crate) fn add(&mut self, row: Proved) {
        self.rows.push(row);
    }

    /// Whether multi-node lost nothing that it must not lose.
    pub(crate) fn is_proof(&self) -> bool {
        self.rows.iter().all(|proved| match &proved.result {
            Ok(Finding::Requests(halves)) => proved.row.other().is_some() || halves.failed() == 0,
            Ok(Finding::Resources(growth)) => growth.is_none(),
            Ok(Finding::Missing(_)) => true,
            Err(_) => false,
        })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| program | change | times | a connection each: answered | failed | slowest \
             | kept alive: answered | failed | slowest |\n\
             | --- | --- | ---: | ---: | --- | ---: | ---: | --- | ---: |"
        )?;
        for proved in &self.rows {
            let program = proved.row.other().unwrap_or("multi-node");
            write!(f, "| {program} | {} | {} ", proved.row.what, proved.times)?;
            match &proved.result {
                Ok(Finding::Requests(Halves { short, kept })) => {
                    writeln!(f, "| {short} | {kept} |")?;
                }
                Ok(Finding::Resources(growth)) => {
                    writeln!(f, "| the master: {growth} | | | | | |")?
                }
                Ok(Finding::Missing(reason)) => writeln!(f, "| {reason} | | | | | |")?,
                Err(reason) => writeln!(f, "| **broken off**: {reason} | | | | | |")?,
            }
        }
        writeln!(f, "\n{}", self.foot)
    }
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} | {}", thousands(self.answered), failed(&self.failed))?;
        if self.on_the_killed > 0 {
            write!(f, ", {} in flight on the killed", self.on_the_killed)?;
        }
        if self.refused_at_last > 0 {
            write!(f, ", then {} refused", thousands(self.refused_at_last))?;
        }
        write!(f, " | {} ms", self.slowest.as_millis())
    }
}

/// How many failed, and in which ways.
fn failed(by_outcome: &BTreeMap<Outcome, usize>) -> String {
    let ways: Vec<String> = by_outcome
        .iter()
        .map(|(outcome, count)| {
            let way = match outcome {
                Outcome::Refused => "refused",
                Outcome::Reset => "reset",
                Outcome::Closed => "closed before the answer",
                Outcome::Timeout => "without an answer",
                Outcome::Wrong => "answered wrongly",
            };
            format!("{count} {way}")
        })
        .collect();
    match ways.len() {
        0 => "0".to_owned(),
        _ => format!("**{}** ({})", by_outcome.values().sum::<usize>(), ways.join(", ")),
    }
}

/// With a comma before every third digit from the right.
fn thousands(value: usize) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn foot(arguments: &Arguments) -> String {
    let mut command = "cargo run --release -p multi-node-proof".to_owned();
    if !arguments.given.is_empty() {
        command = format!("{command} -- {}", arguments.given.join(" "));
    }
    let cores = available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let versions: Vec<String> =
        [("rustc", "--version"), ("nginx", "-v"), ("gunicorn", "--version")]
            .iter()
            .filter_map(|(program, flag)| version(program, flag))
            .collect();
    format!(
        "`{command}`: 64 clients, {} requests a second, on {cores} cores (clients included), Linux \
         {}; {}.",
        thousands(arguments.rate as usize),
        kernel.trim(),
        versions.join(", "),
    )
}

/// What a program says of its version, in one line.
fn version(program: &str, flag: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    Some(said.lines().next()?.trim().replace("nginx version: ", ""))
}
