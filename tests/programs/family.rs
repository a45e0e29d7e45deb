//! User code with children of its own.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

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
