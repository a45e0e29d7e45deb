//! Messages between processes: how many a second, how long there and back, and of how many at once.

use multi_node_benches::Kind;

use crate::bench::Bench;
use crate::carrier::{Carrier, Job, Sample};
use crate::process::Line;
use crate::table::{Figure, Goal, Row, Unit};

/// Nodes that all send to all.
const CROWD: usize = 8;

/// What is compared: a job, who does it as multi-node and who else, and what is asked for.
struct Comparison<'a> {
    what: String,
    job: Job,
    ours: Carrier,
    others: &'a [Carrier],
    unit: Unit,
    read: fn(&Line) -> Result<Sample, String>,
    goal: fn(usize, Carrier) -> Option<Goal>,
}

/// One way, from 16 B to 1 MiB.
pub(crate) fn rates(bench: &Bench) -> Result<Vec<Row>, String> {
    let sizes = [
        (16, "16 B"),
        (128, "128 B"),
        (1 << 10, "1 KiB"),
        (16 << 10, "16 KiB"),
        (1 << 20, "1 MiB"),
    ];
    let mut rows = Vec::new();
    for (size, text) in sizes {
        let comparison = Comparison {
            what: format!("messages of {text}"),
            job: Job { kind: Kind::Rate, size, processes: 2 },
            ours: Carrier::MultiNode,
            others: &[
                Carrier::RingOff,
                Carrier::IpcChannel,
                Carrier::Remoc,
                Carrier::Iceoryx,
                Carrier::WriteEach,
                Carrier::ProcessSend,
                Carrier::BareSocket,
                Carrier::BareRing,
            ],
            unit: Unit::PerSecond,
            read: Sample::rate,
            goal: rate_goal,
        };
        rows.extend(comparison.run(bench)?);
    }
    bench.note(
        "iceoryx2 and the limits carry bytes of that size, with nothing encoded or decoded; all \
         others a typed enum with a text of it"
            .to_owned(),
    );
    Ok(rows)
}

fn rate_goal(size: usize, other: Carrier) -> Option<Goal> {
    let least = match (other, size) {
        (Carrier::IpcChannel, ..=128) => 12.0,
        (Carrier::IpcChannel, ..=0x400) => 9.0,
        (Carrier::IpcChannel, ..=0x4000) => 2.5,
        (Carrier::IpcChannel, _) => 10.0,
        (Carrier::Iceoryx, ..=0x400) => 4.0,
        (Carrier::Iceoryx, ..=0x4000) => 1.0,
        (Carrier::Iceoryx, _) => 0.7,
        (Carrier::BareRing, 0x400..) => 0.5,
        _ => return None,
    };
    Some(Goal::RatioAtLeast(least))
}

/// There and back, the median of each run.
pub(crate) fn trips(bench: &Bench) -> Result<Vec<Row>, String> {
    let job = Job { kind: Kind::Trip, size: 64, processes: 2 };
    let (unit, read) = (Unit::Micros, Sample::trip as fn(&Line) -> _);
    let asleep = Comparison {
        what: "round trip of 64 B, p50".to_owned(),
        job,
        ours: Carrier::MultiNode,
        others: &[
            Carrier::RingOff,
            Carrier::RingOn,
            Carrier::IpcChannel,
            Carrier::Remoc,
            Carrier::Iceoryx,
            Carrier::WriteEach,
            Carrier::ProcessSend,
            Carrier::BareSocket,
        ],
        unit,
        read,
        goal: |_, other| (other == Carrier::IpcChannel).then_some(Goal::RatioAtMost(0.75)),
    };
    let busy = Comparison {
        what: "round trip of 64 B, `ring=on`, `busy_poll=20us`, p50".to_owned(),
        job,
        ours: Carrier::BusyPoll,
        others: &[Carrier::MultiNode, Carrier::IceoryxBusy, Carrier::BareRing],
        unit,
        read,
        goal: |_, other| (other == Carrier::BareRing).then_some(Goal::RatioAtMost(2.0)),
    };
    let lone = Comparison {
        what: "round trip of 64 B after 2 ms in which nothing happened, p50".to_owned(),
        job: Job { kind: Kind::Lone, ..job },
        ours: Carrier::MultiNode,
        others: &[Carrier::RingOff, Carrier::BareSocket],
        unit,
        read,
        goal: |_, other| (other == Carrier::BareSocket).then_some(Goal::RatioAtMost(1.2)),
    };
    run_all(bench, [asleep, busy, lone])
}

/// There and back, 64 on their way at any time.
pub(crate) fn pipeline(bench: &Bench) -> Result<Vec<Row>, String> {
    let ten_times = |_, other| (other == Carrier::IpcChannel).then_some(Goal::RatioAtLeast(10.0));
    let comparison = Comparison {
        what: "round trips of 64 B, 64 on their way".to_owned(),
        job: Job { kind: Kind::Pipeline, size: 64, processes: 2 },
        ours: Carrier::MultiNode,
        others: &[
            Carrier::RingOff,
            Carrier::IpcChannel,
            Carrier::Remoc,
            Carrier::Iceoryx,
            Carrier::WriteEach,
            Carrier::ProcessSend,
        ],
        unit: Unit::PerSecond,
        read: Sample::rate,
        goal: ten_times,
    };
    let requests = Comparison {
        what: "requests of 64 B answered, 64 on their way".to_owned(),
        ours: Carrier::Requests,
        others: &[Carrier::MultiNode, Carrier::IpcChannel, Carrier::Remoc],
        ..comparison
    };
    run_all(bench, [comparison, requests])
}

/// Eight nodes: all to all, and one to the seven others.
pub(crate) fn crowd(bench: &Bench) -> Result<Vec<Row>, String> {
    let compare = |what: &str, kind, size| Comparison {
        what: what.to_owned(),
        job: Job { kind, size, processes: CROWD },
        ours: Carrier::MultiNode,
        others: &[Carrier::RingOff, Carrier::WriteEach],
        unit: Unit::PerSecond,
        read: Sample::rate,
        goal: match (kind, size) {
            (Kind::AllToAll, ..=128) => |_, other| naive_goal(other, 10.0),
            (Kind::OneToAll, _) => |_, other| naive_goal(other, 30.0),
            _ => |_, _| None,
        },
    };
    run_all(
        bench,
        [
            compare("8 nodes, all to all, 128 B, deliveries", Kind::AllToAll, 128),
            compare("8 nodes, all to all, 1 KiB, deliveries", Kind::AllToAll, 1 << 10),
            compare("8 nodes, one to seven, 128 B, deliveries", Kind::OneToAll, 128),
        ],
    )
}

fn naive_goal(other: Carrier, least: f64) -> Option<Goal> {
    (other == Carrier::WriteEach).then_some(Goal::RatioAtLeast(least))
}

fn run_all<const N: usize>(
    bench: &Bench,
    comparisons: [Comparison<'_>; N],
) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for comparison in comparisons {
        rows.extend(comparison.run(bench)?);
    }
    Ok(rows)
}

impl Comparison<'_> {
    /// A row for each of the others.
    fn run(&self, bench: &Bench) -> Result<Vec<Row>, String> {
        let mut contenders = vec![self.ours];
        contenders.extend(Carrier::present(bench, self.others));
        let sample = |carrier: Carrier| (self.read)(&carrier.run(bench, self.job)?);
        let samples = bench.rounds(&contenders, sample)?;
        let columns = |of: &[Sample]| -> (Vec<f64>, Vec<f64>) {
            of.iter().map(|sample| (sample.figure, sample.cpu)).unzip()
        };
        let (ours, our_cpu) = columns(&samples[0]);
        let rows = contenders.iter().zip(&samples).skip(1).map(|(other, theirs)| {
            let (theirs, their_cpu) = columns(theirs);
            let figure = |unit, ours: &[f64], theirs| Figure {
                unit,
                ours: ours.to_vec(),
                theirs: Some(theirs),
            };
            Row {
                what: self.what.clone(),
                against: other.label().to_owned(),
                figure: figure(self.unit, &ours, theirs),
                cpu: Some(figure(Unit::Micros, &our_cpu, their_cpu)),
                goals: (self.goal)(self.job.size, *other).into_iter().collect(),
            }
        });
        Ok(rows.collect())
    }
}
