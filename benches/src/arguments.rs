//! What is to be measured, and for how long.

use std::time::Duration;

use crate::bench::Bench;
use crate::table::Row;
use crate::{http, memory, mesh, messages, spread, start};

/// One part of the table.
#[derive(Clone, Copy)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    about: &'static str,
    pub(crate) run: fn(&Bench) -> Result<Vec<Row>, String>,
}

const SECTIONS: [Section; 14] = [
    Section { name: "keep", about: "HTTP on 64 kept connections", run: http::keep },
    Section { name: "short", about: "HTTP, a connection for each request", run: http::short },
    Section {
        name: "compute",
        about: "HTTP with a handler that computes for 50 µs, on 16 connections",
        run: http::compute,
    },
    Section {
        name: "spread",
        about: "how 64 connections spread over 4 nodes",
        run: spread::spread,
    },
    Section { name: "tail", about: "p99 latency at half load over 4 nodes", run: spread::tail },
    Section {
        name: "start",
        about: "from exec to the first answer and to all nodes ready",
        run: start::start,
    },
    Section {
        name: "respawn",
        about: "from kill -9 to the successor accepting",
        run: start::respawn,
    },
    Section {
        name: "memory",
        about: "proportional set size of one more worker",
        run: memory::memory,
    },
    Section { name: "messages", about: "messages a second, 16 B to 1 MiB", run: messages::rates },
    Section { name: "trips", about: "round trips of 64 B", run: messages::trips },
    Section {
        name: "pipeline",
        about: "round trips of 64 B, 64 on their way",
        run: messages::pipeline,
    },
    Section {
        name: "crowd",
        about: "messages of 8 nodes, all to all and one to seven",
        run: messages::crowd,
    },
    Section { name: "idle", about: "CPU time of 16 linked nodes in 10 s", run: mesh::idle },
    Section {
        name: "standing",
        about: "memory and time of 64 nodes with links between all",
        run: mesh::standing,
    },
];

/// How much of it.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// Samples of each program in each section.
    pub(crate) rounds: usize,
    /// How long a sample lasts that counts something.
    pub(crate) length: Duration,
    /// How long it is under load before that: long enough that a burst of connections, which
    /// multi-node evens out and a steady stream of short ones it does not, is over.
    pub(crate) warm_up: Duration,
}

const FULL: Plan =
    Plan { rounds: 15, length: Duration::from_millis(500), warm_up: Duration::from_millis(100) };

const QUICK: Plan =
    Plan { rounds: 3, length: Duration::from_millis(150), warm_up: Duration::from_millis(50) };

/// The command line, read.
pub(crate) struct Arguments {
    pub(crate) sections: Vec<Section>,
    pub(crate) plan: Plan,
    /// As it was given, for the table's foot.
    pub(crate) given: Vec<String>,
}

impl Arguments {
    /// Reads the arguments, or says how to give them.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let given: Vec<String> = arguments.collect();
        let mut sections = Vec::new();
        let mut plan = FULL;
        let mut rounds = None;
        let mut rest = given.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--quick" => plan = QUICK,
                "--rounds" => rounds = Some(count(rest.next())?),
                "--help" => return Err(usage()),
                name => match SECTIONS.iter().find(|section| section.name == name) {
                    Some(section) => sections.push(*section),
                    None => return Err(format!("`{name}` is no section\n{}", usage())),
                },
            }
        }
        plan.rounds = rounds.unwrap_or(plan.rounds);
        if sections.is_empty() {
            sections = SECTIONS.to_vec();
        }
        Ok(Self { sections, plan, given })
    }
}

fn count(argument: Option<&String>) -> Result<usize, String> {
    argument
        .and_then(|text| text.parse().ok())
        .filter(|&rounds| rounds > 0)
        .ok_or_else(|| format!("--rounds: expected a number from 1\n{}", usage()))
}

fn usage() -> String {
    let mut usage = format!(
        "usage: cargo run --release -p multi-node-benches -- [--quick] [--rounds N] [section…]\n\
         {} rounds, {} with --quick; all sections unless some are named:\n",
        FULL.rounds, QUICK.rounds
    );
    for section in SECTIONS {
        usage.push_str(&format!("  {:10}{}\n", section.name, section.about));
    }
    usage
}
