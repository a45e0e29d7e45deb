//! Says what the figures were measured on.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use crate::arguments::Arguments;

/// A paragraph for the foot of the table.
pub(crate) fn describe(arguments: &Arguments) -> String {
    let cores = available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    let mut command = "cargo run --release -p multi-node-benches".to_owned();
    if !arguments.given.is_empty() {
        command = format!("{command} -- {}", arguments.given.join(" "));
    }
    let versions: Vec<String> = [("rustc", "--version"), ("nginx", "-v"), ("node", "--version")]
        .iter()
        .filter_map(|(program, flag)| version(program, flag))
        .collect();
    format!(
        "`{command}`, {} rounds of {} ms, on {cores} cores of {} (client included), Linux {kernel}, \
         load {load} before the run; {}. Medians; in brackets the 95 % interval of the median, for \
         a ratio of the ratios within each round. A goal is *met* when the whole interval meets it, \
         *level* when the interval contains it, *short* when the whole interval misses it. \
         nginx has a socket for each worker (`reuseport`) and no end to a kept connection.",
        arguments.plan.rounds,
        arguments.plan.length.as_millis(),
        processor(),
        versions.join(", "),
    )
}

fn processor() -> String {
    read("/proc/cpuinfo")
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("an unnamed processor", |name| name.trim_start_matches([' ', '\t', ':']))
        .to_owned()
}

fn version(program: &str, flag: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).output().ok()?;
    // nginx says its version on stderr, and Node's has no name in it.
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let line = said.lines().next()?.trim();
    let line = line.strip_prefix("nginx version: ").unwrap_or(line);
    Some(if line.starts_with(program) { line.to_owned() } else { format!("{program} {line}") })
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}
