//! HTTP over two nodes: requests a second, and the CPU time of each.

use std::hint::black_box;
use std::iter;
use std::time::Duration;

use multi_node_benches::cpu_nanos;

use crate::bench::Bench;
use crate::load::{Load, Sample};
use crate::peer::{Job, Peer};
use crate::table::{Figure, Goal, Row, Unit};

const NODES: usize = 2;
/// How long the handler computes that does.
const HANDLER: Duration = Duration::from_micros(50);

/// A peer, and what is asked of us beside it.
type Against = (Peer, &'static [Goal]);

/// 64 kept connections, a trivial handler.
pub(crate) fn keep(bench: &Bench) -> Result<Vec<Row>, String> {
    const AGAINST: [Against; 6] = [
        (Peer::Tokio, &[Goal::RatioAtLeast(0.95)]),
        (Peer::Reuseport, &[Goal::CpuRatioAtMost(1.05)]),
        (Peer::ReuseportAgain, &[]),
        (Peer::Actix, &[]),
        (Peer::Nginx, &[Goal::RatioAtLeast(1.05)]),
        (Peer::NodeCluster, &[Goal::RatioAtLeast(5.0)]),
    ];
    let load = Load::Keep { connections: 64 };
    compare(bench, "kept-alive requests", load, "greet", &AGAINST)
}

/// A connection for each request, 64 at a time, a trivial handler.
pub(crate) fn short(bench: &Bench) -> Result<Vec<Row>, String> {
    const AGAINST: [Against; 6] = [
        (Peer::Tokio, &[Goal::RatioAtLeast(0.95)]),
        (Peer::Reuseport, &[Goal::CpuRatioAtMost(1.05)]),
        (Peer::ReuseportAgain, &[]),
        (Peer::Actix, &[Goal::RatioAtLeast(1.3)]),
        (Peer::Nginx, &[Goal::RatioAtLeast(1.0)]),
        (Peer::NodeCluster, &[Goal::RatioAtLeast(5.0)]),
    ];
    let load = Load::Close { connections: 64 };
    compare(bench, "a connection each", load, "greet", &AGAINST)
}

/// 16 kept connections, a handler that computes.
pub(crate) fn compute(bench: &Bench) -> Result<Vec<Row>, String> {
    const AGAINST: [Against; 3] =
        [(Peer::Tokio, &[Goal::RatioAtLeast(1.0)]), (Peer::Reuseport, &[]), (Peer::Actix, &[])];
    let load = Load::Keep { connections: 16 };
    let answer = format!("compute:{}", iterations_of(HANDLER));
    compare(bench, "50 µs of computing", load, &answer, &AGAINST)
}

fn compare(
    bench: &Bench,
    what: &str,
    load: Load,
    answer: &str,
    against: &[Against],
) -> Result<Vec<Row>, String> {
    let peers: Vec<Peer> = against.iter().map(|(peer, _)| *peer).collect();
    let contenders: Vec<Peer> = iter::once(Peer::MultiNode).chain(bench.present(&peers)).collect();
    let job = Job { nodes: NODES, answer };
    let samples = bench.rounds(&contenders, |peer| {
        let server = peer.start_ready(bench, job)?;
        load.put_on(bench, &server, bench.plan.length)
    })?;
    note_failures(bench, what, &contenders, &samples);
    note_noise(bench, what, &contenders, &samples);
    let (ours, theirs) = samples.split_first().expect("multi-node is always there");
    let others = contenders[1..].iter().zip(theirs);
    let others = others.filter(|(peer, _)| **peer != Peer::ReuseportAgain);
    let rows = others.map(|(peer, theirs)| {
        let goals = against.iter().find(|(of, _)| of == peer);
        Row {
            what: what.to_owned(),
            against: peer.label().to_owned(),
            figure: figure(Unit::PerSecond, ours, theirs, |sample| sample.rate),
            cpu: Some(figure(Unit::Micros, ours, theirs, |sample| sample.cpu)),
            goals: goals.map_or_else(Vec::new, |(_, goals)| goals.to_vec()),
        }
    });
    Ok(rows.collect())
}

/// Two columns of the table from two columns of samples.
pub(crate) fn figure(
    unit: Unit,
    ours: &[Sample],
    theirs: &[Sample],
    of: impl Fn(&Sample) -> f64,
) -> Figure {
    Figure {
        unit,
        ours: ours.iter().map(&of).collect(),
        theirs: Some(theirs.iter().map(&of).collect()),
    }
}

/// A figure that hides failed requests would be worth nothing.
pub(crate) fn note_failures(
    bench: &Bench,
    what: &str,
    contenders: &[Peer],
    samples: &[Vec<Sample>],
) {
    for (peer, samples) in contenders.iter().zip(samples) {
        let failed: u64 = samples.iter().map(|sample| sample.failed).sum();
        if failed > 0 {
            bench.note(format!("{what}: {failed} requests failed at {}", peer.label()));
        }
    }
}

/// What two runs of the same server differ by: no difference below that means anything.
fn note_noise(bench: &Bench, what: &str, contenders: &[Peer], samples: &[Vec<Sample>]) {
    let of = |peer| {
        let index = contenders.iter().position(|contender| *contender == peer)?;
        Some(samples[index].as_slice())
    };
    let (Some(once), Some(again)) = (of(Peer::Reuseport), of(Peer::ReuseportAgain)) else {
        return;
    };
    let rate = figure(Unit::PerSecond, once, again, |sample| sample.rate);
    let cpu = figure(Unit::Micros, once, again, |sample| sample.cpu);
    bench.note(format!(
        "{what}: reuseport by hand against itself is {}, in CPU time {}",
        rate.ratio_text(),
        cpu.ratio_text()
    ));
}

/// How many iterations of the handler's work take so long on this machine, undisturbed.
fn iterations_of(time: Duration) -> u64 {
    const TRIAL: u64 = 1_000_000;
    let fastest = (0..20)
        .map(|_| {
            let before = cpu_nanos();
            black_box(multi_node_benches::compute(TRIAL));
            cpu_nanos() - before
        })
        .min()
        .expect("there were trials");
    TRIAL * u64::try_from(time.as_nanos()).expect("a short time") / fastest.max(1)
}
