//! A mesh of nodes that have nothing to say: what it costs to be there, and to come to be.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use crate::bench::Bench;
use crate::proc_fs;
use crate::process::Running;
use crate::table::{Figure, Goal, Row, Unit};

/// The nodes of the mesh that is to be idle, and of the one that is to stand.
const IDLE: usize = 16;
const LARGE: usize = 64;
/// For how long a mesh is watched that is to use no CPU time.
const WATCHED: Duration = Duration::from_secs(10);
/// Until what a start leaves behind has settled.
const SETTLE: Duration = Duration::from_millis(500);
/// The figures hardly vary, so that more rounds would say no more.
const FEW_ROUNDS: usize = 3;
const ROUNDS: usize = 5;

/// The CPU time that 16 nodes use in 10 s in which nobody wants anything of them.
pub(crate) fn idle(bench: &Bench) -> Result<Vec<Row>, String> {
    let watch = |_| {
        let (mesh, _) = start(bench, Links::Made, IDLE)?;
        thread::sleep(SETTLE);
        let family = mesh.family();
        let before = proc_fs::cpu(&family)?;
        thread::sleep(WATCHED);
        let spent = proc_fs::cpu(&family)?.saturating_sub(before);
        Ok(spent.as_secs_f64() * 1e6)
    };
    let spent: Result<Vec<f64>, String> =
        (0..bench.plan.rounds.min(FEW_ROUNDS)).map(watch).collect();
    Ok(vec![Row {
        what: format!("CPU time of {IDLE} linked nodes in 10 s without a message"),
        against: String::new(),
        figure: Figure { unit: Unit::Micros, ours: spent?, theirs: None },
        cpu: None,
        goals: vec![Goal::AtMost(0.0)],
    }])
}

/// Whether the nodes ask for links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Links {
    Made,
    None,
}

/// What a family of [`LARGE`] was found to be.
#[derive(Debug, Clone, Copy)]
struct Standing {
    millis: f64,
    /// Proportional set sizes, in KiB.
    own: f64,
    /// What the kernel's own allocations grew by, in KiB.
    kernel: f64,
}

/// 64 nodes with 2,016 links, and as many without: how long they take, and what memory.
pub(crate) fn standing(bench: &Bench) -> Result<Vec<Row>, String> {
    let (mut linked, mut apart) = (Vec::new(), Vec::new());
    for _ in 0..bench.plan.rounds.min(ROUNDS) {
        linked.push(stand(bench, Links::Made)?);
        apart.push(stand(bench, Links::None)?);
    }
    let column = |of: &[Standing], value: fn(&Standing) -> f64| of.iter().map(value).collect();
    let row = |what: &str, unit, value: fn(&Standing) -> f64| Row {
        what: format!("{LARGE} nodes with 2,016 links: {what}"),
        against: "as many without links".to_owned(),
        figure: Figure { unit, ours: column(&linked, value), theirs: Some(column(&apart, value)) },
        cpu: None,
        goals: Vec::new(),
    };
    let kernel = linked.iter().zip(&apart).map(|(linked, apart)| linked.kernel - apart.kernel);
    Ok(vec![
        row("exec to the last link", Unit::Millis, |standing| standing.millis),
        row("memory (PSS)", Unit::Kib, |standing| standing.own),
        Row {
            what: format!("{LARGE} nodes with 2,016 links: kernel memory (slab) that these take"),
            against: String::new(),
            figure: Figure { unit: Unit::Kib, ours: kernel.collect(), theirs: None },
            cpu: None,
            goals: Vec::new(),
        },
    ])
}

fn stand(bench: &Bench, links: Links) -> Result<Standing, String> {
    // What the family before this one leaves to the kernel is given back by then.
    thread::sleep(SETTLE);
    let before = proc_fs::slab()?;
    let (mesh, millis) = start(bench, links, LARGE)?;
    thread::sleep(SETTLE);
    let own = proc_fs::proportional_set_size(&mesh.family())? as f64;
    let kernel = proc_fs::slab()? as f64 - before as f64;
    Ok(Standing { millis, own, kernel })
}

/// The nodes, once all are there and linked, and how long that took, in milliseconds.
fn start(bench: &Bench, links: Links, nodes: usize) -> Result<(Running, f64), String> {
    let mut command = bench.program("node_mesh");
    command.env("MULTI_NODE_NODES", nodes.to_string()).arg(match links {
        Links::Made => "linked",
        Links::None => "apart",
    });
    let mesh = Running::start(&mut command, bench.scratch())?;
    let mut ready = BTreeSet::new();
    let mut last = mesh.started;
    while ready.len() < nodes {
        let line = mesh.line("ready")?;
        last = line.at;
        ready.insert(line.text);
    }
    let millis = last.duration_since(mesh.started).as_secs_f64() * 1e3;
    Ok((mesh, millis))
}
