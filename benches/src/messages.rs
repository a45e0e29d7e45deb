//! Messages between two processes: how many a second, and how long there and back.

use std::process::Command;

use crate::bench::{Bench, installed};
use crate::load::field;
use crate::process::{Line, Running};
use crate::table::{Figure, Goal, Row, Unit};

/// What carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carrier {
    MultiNode,
    IpcChannel,
    ProcessSend,
}

impl Carrier {
    fn label(self) -> &'static str {
        match self {
            Self::MultiNode => "multi-node",
            Self::IpcChannel => "ipc-channel",
            Self::ProcessSend => "Node's process.send",
        }
    }

    /// Those to compare with that are there; a note says which are not.
    fn others(bench: &Bench) -> Vec<Self> {
        let mut others = Vec::new();
        if cfg!(feature = "peers") {
            others.push(Self::IpcChannel);
        } else {
            bench.note("ipc-channel: left out, built without the feature `peers`".to_owned());
        }
        if installed("node", "--version") {
            others.push(Self::ProcessSend);
        } else {
            bench.note("Node's process.send: not installed".to_owned());
        }
        others
    }

    /// Runs `<rate|trip> <size> <ms>` once and returns the figures it said.
    fn run(self, bench: &Bench, kind: &str, size: usize) -> Result<Line, String> {
        let mut command = match self {
            Self::MultiNode => bench.program("node_messages"),
            Self::IpcChannel => bench.program("peer_ipc"),
            Self::ProcessSend => {
                let mut node = Command::new("node");
                node.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/messages.js"));
                node
            }
        };
        let millis = bench.plan.length.as_millis().to_string();
        command.args([kind, &size.to_string(), &millis]);
        let running = Running::start(&mut command, bench.scratch())?;
        let done = running.line("done");
        done.map_err(|reason| format!("{}: {reason}", self.label()))
    }
}

/// One way, from 16 B to 1 MiB.
pub(crate) fn rates(bench: &Bench) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (size, text) in
        [(16, "16 B"), (128, "128 B"), (1 << 10, "1 KiB"), (16 << 10, "16 KiB"), (1 << 20, "1 MiB")]
    {
        let what = format!("messages of {text}");
        let goals = |other| match other {
            Carrier::IpcChannel if size <= 128 => vec![Goal::RatioAtLeast(8.0)],
            _ => Vec::new(),
        };
        rows.extend(compare(bench, &what, Unit::PerSecond, goals, |carrier| {
            let done = carrier.run(bench, "rate", size)?;
            let count = field(&done, "messages")?;
            let rate = count / (field(&done, "elapsed")? / 1e9);
            Ok((rate, Some(field(&done, "cpu")? / 1e3 / count)))
        })?);
    }
    Ok(rows)
}

/// There and back, the median of each run.
pub(crate) fn trips(bench: &Bench) -> Result<Vec<Row>, String> {
    let goals = |other| match other {
        Carrier::IpcChannel => vec![Goal::RatioAtMost(1.2)],
        _ => Vec::new(),
    };
    compare(bench, "round trip of 64 B, p50", Unit::Micros, goals, |carrier| {
        let done = carrier.run(bench, "trip", 64)?;
        Ok((field(&done, "p50")? / 1e3, None))
    })
}

/// A row for each of the others; a sample is the figure and the CPU time in µs, if measured.
fn compare(
    bench: &Bench,
    what: &str,
    unit: Unit,
    goals: impl Fn(Carrier) -> Vec<Goal>,
    sample: impl FnMut(Carrier) -> Result<(f64, Option<f64>), String>,
) -> Result<Vec<Row>, String> {
    let mut contenders = vec![Carrier::MultiNode];
    contenders.extend(Carrier::others(bench));
    let samples = bench.rounds(&contenders, sample)?;
    let columns = |index: usize| -> (Vec<f64>, Option<Vec<f64>>) {
        let of = &samples[index];
        let figures = of.iter().map(|(figure, _)| *figure).collect();
        (figures, of.iter().map(|(_, cpu)| *cpu).collect())
    };
    let (ours, our_cpu) = columns(0);
    let rows = (1..contenders.len()).map(|index| {
        let (theirs, their_cpu) = columns(index);
        Row {
            what: what.to_owned(),
            against: contenders[index].label().to_owned(),
            figure: Figure { unit, ours: ours.clone(), theirs: Some(theirs) },
            cpu: our_cpu.clone().map(|ours| Figure { unit: Unit::Micros, ours, theirs: their_cpu }),
            goals: goals(contenders[index]),
        }
    });
    Ok(rows.collect())
}
