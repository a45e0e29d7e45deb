//! What one more worker costs: the proportional set sizes of eight nodes less those of four.

use std::thread;
use std::time::Duration;

use crate::bench::Bench;
use crate::peer::{Job, Peer};
use crate::proc_fs;
use crate::table::{Figure, Goal, Row, Unit};

const FEW: usize = 4;
const MANY: usize = 8;
/// Until what a start leaves behind has settled.
const SETTLE: Duration = Duration::from_millis(200);
/// The figure hardly varies, so that more rounds would say no more.
const ROUNDS: usize = 5;

/// A row for `echo`, which has a goal, and one for `hello`, each beside the peers.
pub(crate) fn memory(bench: &Bench) -> Result<Vec<Row>, String> {
    let peers = bench.present(&[Peer::Reuseport, Peer::Nginx, Peer::NodeCluster]);
    let contenders: Vec<Peer> = [Peer::Echo, Peer::Hello].iter().chain(&peers).copied().collect();
    let mut samples: Vec<Vec<f64>> = Vec::new();
    for peer in contenders {
        let values = (0..bench.plan.rounds.min(ROUNDS)).map(|_| one_more(bench, peer));
        samples.push(values.collect::<Result<_, _>>()?);
    }
    let [echo, hello, theirs @ ..] = samples.as_slice() else {
        unreachable!("there is a column for each contender");
    };
    let mut rows = vec![row("`echo`", None, echo, Some(500.0))];
    rows.extend(
        peers
            .iter()
            .zip(theirs)
            .map(|(peer, theirs)| row("`echo`", Some((peer.label(), theirs)), echo, None)),
    );
    rows.push(row("`hello`", None, hello, None));
    Ok(rows)
}

fn one_more(bench: &Bench, peer: Peer) -> Result<f64, String> {
    let total = |nodes: usize| -> Result<f64, String> {
        let job = Job { nodes, answer: "greet" };
        let server = peer.start_ready(bench, job)?;
        thread::sleep(SETTLE);
        let total = proc_fs::proportional_set_size(&server.running.family())?;
        Ok(total as f64)
    };
    Ok((total(MANY)? - total(FEW)?) / (MANY - FEW) as f64)
}

fn row(program: &str, other: Option<(&str, &Vec<f64>)>, ours: &[f64], goal: Option<f64>) -> Row {
    Row {
        what: format!("memory of one more worker (PSS), {program}"),
        against: other.map_or(String::new(), |(label, _)| label.to_owned()),
        figure: Figure {
            unit: Unit::Kib,
            ours: ours.to_vec(),
            theirs: other.map(|(_, theirs)| theirs.clone()),
        },
        cpu: None,
        goals: goal.into_iter().map(Goal::AtMost).collect(),
    }
}
