//! How long it takes until nodes serve: the first ones, and one that replaces a killed one.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::bench::Bench;
use crate::peer::{Job, Peer};
use crate::table::{Figure, Goal, Row, Unit};

/// What is started in one round.
#[derive(Clone, Copy)]
enum Contender {
    Server(Peer, usize),
    /// So many processes of our program that leave at once.
    Bare(usize),
}

/// Milliseconds from exec.
struct Times {
    first: f64,
    all: f64,
}

const FEW: usize = 4;
const MANY: usize = 16;

/// From exec to the first answer and to all nodes ready, beside as many bare processes.
pub(crate) fn start(bench: &Bench) -> Result<Vec<Row>, String> {
    let mut contenders = vec![
        Contender::Server(Peer::Echo, FEW),
        Contender::Bare(FEW),
        Contender::Server(Peer::Echo, MANY),
        Contender::Bare(MANY),
    ];
    let peers = bench.present(&[Peer::Reuseport, Peer::Nginx, Peer::NodeCluster]);
    contenders.extend(peers.iter().map(|peer| Contender::Server(*peer, FEW)));
    let samples = bench.rounds(&contenders, |contender| match contender {
        Contender::Server(peer, nodes) => times(bench, peer, nodes),
        Contender::Bare(count) => bare(bench, count),
    })?;
    let [few, few_bare, many, many_bare, theirs @ ..] = samples.as_slice() else {
        unreachable!("there is a column for each contender");
    };
    let first = |times: &[Times]| -> Vec<f64> { times.iter().map(|times| times.first).collect() };
    let all = |times: &[Times]| -> Vec<f64> { times.iter().map(|times| times.all).collect() };
    let mut answers = Vec::new();
    let mut ready = vec![row(
        "exec of 4 nodes to all ready",
        "4 bare processes",
        all(few),
        all(few_bare),
        Some(10.0),
    )];
    for (index, (peer, theirs)) in peers.iter().zip(theirs).enumerate() {
        answers.push(row(
            "exec of 4 nodes to the first answer",
            peer.label(),
            first(few),
            first(theirs),
            (index == 0).then_some(6.0),
        ));
        ready.push(row("exec of 4 nodes to all ready", peer.label(), all(few), all(theirs), None));
    }
    let sixteen = row(
        "exec of 16 nodes to all ready",
        "16 bare processes",
        all(many),
        all(many_bare),
        Some(20.0),
    );
    Ok(answers.into_iter().chain(ready).chain([sixteen]).collect())
}

fn times(bench: &Bench, peer: Peer, nodes: usize) -> Result<Times, String> {
    let job = Job { nodes, answer: "pid" };
    let server = peer.start(bench, job)?;
    let (_, first) = server.first_answer()?;
    let all = match peer.voices(nodes) {
        // It cannot say so itself, so each of its processes is to answer once.
        0 => server.answered_by_all(nodes, &BTreeSet::new())?,
        _ => peer.wait_ready(&server, nodes)?,
    };
    let millis = |moment: Instant| millis(moment.duration_since(server.running.started));
    Ok(Times { first: millis(first), all: millis(all) })
}

/// Starts `count` processes that leave first thing in `main`; ready is when all have left.
fn bare(bench: &Bench, count: usize) -> Result<Times, String> {
    let started = Instant::now();
    let children: Vec<_> = (0..count)
        .map(|_| {
            let mut program = bench.program("node_echo");
            program.arg("bare").stdin(Stdio::null()).spawn()
        })
        .collect::<Result<_, _>>()
        .map_err(|error| format!("node_echo: {error}"))?;
    for mut child in children {
        child.wait().map_err(|error| error.to_string())?;
    }
    let all = millis(started.elapsed());
    Ok(Times { first: all, all })
}

/// From the kill of one worker of two nodes to its successor accepting.
pub(crate) fn respawn(bench: &Bench) -> Result<Vec<Row>, String> {
    let peers = bench.present(&[Peer::Nginx, Peer::NodeCluster]);
    let contenders: Vec<Peer> = [Peer::Echo].iter().chain(&peers).copied().collect();
    let samples = bench.rounds(&contenders, |peer| succession(bench, peer))?;
    let (ours, theirs) = samples.split_first().expect("multi-node is always there");
    let what = "kill -9 of a worker to its successor accepting";
    let goal = Some(5.0);
    if peers.is_empty() {
        let mut alone = row(what, "", ours.clone(), Vec::new(), goal);
        alone.figure.theirs = None;
        return Ok(vec![alone]);
    }
    let rows = peers.iter().zip(theirs).enumerate();
    Ok(rows
        .map(|(index, (peer, theirs))| {
            let goal = goal.filter(|_| index == 0);
            row(what, peer.label(), ours.clone(), theirs.clone(), goal)
        })
        .collect())
}

fn succession(bench: &Bench, peer: Peer) -> Result<f64, String> {
    let job = Job { nodes: 2, answer: "pid" };
    let server = peer.start_ready(bench, job)?;
    let before = server.running.family();
    let worker = before.iter().find(|process| **process != server.running.id());
    let worker = *worker.ok_or_else(|| format!("{} has no worker", peer.label()))?;
    let killed = Instant::now();
    kill(Pid::from_raw(worker.cast_signed()), Signal::SIGKILL).map_err(|e| e.to_string())?;
    let accepting = match peer.voices(1) {
        0 => server.answered_by_all(1, &before)?,
        _ => server.running.line("ready")?.at,
    };
    Ok(millis(accepting.duration_since(killed)))
}

fn row(what: &str, against: &str, ours: Vec<f64>, theirs: Vec<f64>, goal: Option<f64>) -> Row {
    Row {
        what: what.to_owned(),
        against: against.to_owned(),
        figure: Figure { unit: Unit::Millis, ours, theirs: Some(theirs) },
        cpu: None,
        goals: goal.into_iter().map(Goal::AtMost).collect(),
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
