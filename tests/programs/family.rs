//! User code with children of its own.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;

use multi_node::Nodes;

use crate::lines::serve_lines;
use crate::words::{say, who};

/// Every node starts the very same program again, with its own arguments and environment, and
/// says what that one said first; then it runs some children of either kind and says how many of
/// them ended well.
///
/// The inner program is told apart by a variable of ours alone.
#[multi_node::main(port = 0, nodes = 3)]
pub(crate) async fn family(nodes: Nodes) -> Result<(), String> {
    if std::env::var_os("INNER").is_none() {
        let said = start_again();
        say(format_args!("{} started: {said}", who(&nodes)));
        let well = run_children().await;
        say(format_args!("{} children={well}", who(&nodes)));
    }
    serve_lines(nodes).await
}

/// The first master starts a process, says its number, and never asks how it ended.
#[multi_node::main(port = 0, nodes = 2)]
pub(crate) async fn forgets_child(nodes: Nodes) -> Result<(), String> {
    if nodes.is_master() && nodes.generation() == 0 {
        let sleeper = Command::new("sleep").arg("1000").stdout(Stdio::null()).spawn();
        say(format_args!("sleeper={}", sleeper.expect("there is a sleep").id()));
    }
    serve_lines(nodes).await
}

fn start_again() -> String {
    let image = std::env::current_exe().expect("a path");
    let mut inner = Command::new(image)
        .args(std::env::args_os().skip(1))
        .env("INNER", "1")
        .env("MULTI_NODE_NODES", "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("cannot start the program again");
    let mut said = String::new();
    let stdout = inner.stdout.take().expect("piped");
    BufReader::new(stdout).read_line(&mut said).expect("text");
    inner.kill().expect("it runs");
    inner.wait().expect("its end is ours to see");
    said.trim_end().to_owned()
}

async fn run_children() -> usize {
    let mut well = 0;
    for _ in 0..10 {
        let status = Command::new("true").status().expect("its end is ours to see");
        well += usize::from(status.success());
        let status = tokio::process::Command::new("true").status().await;
        well += usize::from(status.expect("its end is ours to see").success());
    }
    well
}

/// The master starts one process after the other, as long as it lives, and says which fds they have
/// that are neither their standard streams nor what they open themselves.
#[multi_node::main(port = 0, nodes = 3)]
pub(crate) async fn spawns_on(nodes: Nodes) -> Result<(), String> {
    if nodes.is_master() {
        let generation = nodes.generation();
        thread::spawn(move || {
            let mut seen = BTreeSet::new();
            look_at_a_child(&mut seen);
            say(format_args!("looked generation={generation}"));
            loop {
                look_at_a_child(&mut seen);
            }
        });
    }
    serve_lines(nodes).await
}

fn look_at_a_child(seen: &mut BTreeSet<String>) {
    let listed = Command::new("ls").args(["-l", "/proc/self/fd"]).output();
    let listed = listed.expect("there is an ls").stdout;
    let listed = String::from_utf8_lossy(&listed);
    for (fd, target) in listed.lines().filter_map(|line| line.split_once(" -> ")) {
        let fd = fd.rsplit(' ').next().and_then(|fd| fd.parse::<u32>().ok());
        let is_given = fd.is_none_or(|fd| fd > 2) && !target.starts_with("/proc/");
        if is_given && seen.insert(target.to_owned()) {
            say(format_args!("a child has {target}"));
        }
    }
}
