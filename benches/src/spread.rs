//! Fairness over four nodes: how held connections spread, and what that does to the latency.

use crate::bench::Bench;
use crate::http::{figure, note_failures};
use crate::load::Load;
use crate::peer::{Job, Peer};
use crate::process::Running;
use crate::table::{Figure, Goal, Row, Unit};

const NODES: usize = 4;
const CONNECTIONS: usize = 64;

/// The fullest node's connections less the emptiest's, in the worst of the rounds.
pub(crate) fn spread(bench: &Bench) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (arrival, what) in [
        ("single", "64 connections, one by one: most less fewest, worst round"),
        ("burst", "64 connections, all at once: most less fewest, worst round"),
    ] {
        let mut contenders = vec![Peer::MultiNode];
        contenders.extend(bench.present(&[Peer::SharedFd, Peer::Reuseport, Peer::Nginx]));
        let samples = bench.rounds(&contenders, |peer| difference(bench, peer, arrival))?;
        let worst: Vec<f64> = samples
            .iter()
            .map(|differences| differences.iter().copied().fold(0.0, f64::max))
            .collect();
        for (index, peer) in contenders.iter().enumerate().skip(1) {
            rows.push(Row {
                what: what.to_owned(),
                against: peer.label().to_owned(),
                figure: Figure {
                    unit: Unit::Connections,
                    ours: vec![worst[0]],
                    theirs: Some(vec![worst[index]]),
                },
                cpu: None,
                goals: if index == 1 { vec![Goal::AtMost(1.0)] } else { Vec::new() },
            });
        }
    }
    Ok(rows)
}

fn difference(bench: &Bench, peer: Peer, arrival: &str) -> Result<f64, String> {
    let job = Job { nodes: NODES, answer: "pid" };
    let server = peer.start_ready(bench, job)?;
    let mut client = bench.program("load");
    let address = server.address.to_string();
    client.args(["spread", &address, &CONNECTIONS.to_string(), arrival]);
    let client = Running::start(&mut client, bench.scratch())?;
    let line = client.line("counts")?;
    let mut counts: Vec<u16> =
        line.text.split(' ').filter_map(|count| count.parse().ok()).collect();
    // A node that got none has no count.
    counts.resize(counts.len().max(NODES), 0);
    let (most, fewest) = (counts.iter().max(), counts.iter().min());
    Ok(f64::from(most.unwrap_or(&0) - fewest.unwrap_or(&0)))
}

/// The 99th percentile of the latency while the servers have half of what they can take.
pub(crate) fn tail(bench: &Bench) -> Result<Vec<Row>, String> {
    let job = Job { nodes: NODES, answer: "greet" };
    let length = bench.plan.length;
    let contenders = [Peer::MultiNode, Peer::SharedFd, Peer::Reuseport];
    let full = Load::Keep { connections: CONNECTIONS };
    let mut capacity = f64::INFINITY;
    for peer in contenders {
        let server = peer.start_ready(bench, job)?;
        capacity = capacity.min(full.put_on(bench, &server, length)?.rate);
    }
    // The same for all: half of what the weakest of them managed.
    let half = Load::Rate { connections: CONNECTIONS, rate: (capacity / 2.0) as u64 };
    let samples = bench.rounds(&contenders, |peer| {
        let server = peer.start_ready(bench, job)?;
        half.put_on(bench, &server, length)
    })?;
    let what = format!("p99 latency at half load, {:.0} requests a second", capacity / 2.0);
    note_failures(bench, &what, &contenders, &samples);
    let (ours, theirs) = samples.split_first().expect("multi-node is always there");
    let rows = contenders[1..].iter().zip(theirs).map(|(peer, theirs)| Row {
        what: what.clone(),
        against: peer.label().to_owned(),
        figure: figure(Unit::Micros, ours, theirs, |sample| sample.p99),
        cpu: Some(figure(Unit::Micros, ours, theirs, |sample| sample.cpu)),
        goals: match peer {
            Peer::SharedFd => vec![Goal::RatioAtMost(1.1)],
            _ => Vec::new(),
        },
    });
    Ok(rows.collect())
}
