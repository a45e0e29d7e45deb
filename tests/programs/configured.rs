//! A program whose options stand in a file, as those of most programs do.

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use multi_node::{Builder, Nodes};
use tokio::task::JoinSet;

use crate::http::app;
use crate::lines::serve_lines;
use crate::words::{argument, up};

/// The file, named by the second argument, has an option and its value a line; `panic` panics.
///
/// It takes lines, or with `http` as the third argument serves what the scenario `http` does, on
/// every listener that the file names. With `fails SLOT` in the file a worker that starts in that
/// slot after a reload exits before it is ready.
pub(crate) fn configured() -> ExitCode {
    multi_node::run(
        || {
            let defaults = Builder::new().port(0).host("127.0.0.1");
            let builder = if named().is_empty() { defaults } else { Builder::new() };
            lines().iter().fold(builder, |builder, line| apply(builder, line))
        },
        serve,
    )
}

fn apply(builder: Builder, line: &str) -> Builder {
    let (option, value) = line.split_once(' ').unwrap_or((line, ""));
    let number = || value.parse::<u16>().expect("a number");
    let millis = || Duration::from_millis(number().into());
    match option {
        "nodes" => builder.nodes(usize::from(number())),
        "master_listen" => builder.master_listen(value == "true"),
        "max_surge" => builder.max_surge(number()),
        "port" => builder.port(number()),
        "listen" => {
            let (name, address) = value.split_once(' ').expect("a name and an address");
            builder.listen(name, address)
        }
        "drain_timeout_ms" => builder.drain_timeout(millis()),
        "hang_timeout_ms" => builder.hang_timeout(millis()),
        "max_connections" => builder.max_connections(number().into()),
        "pid_file" => builder.pid_file(value),
        "fails" => builder,
        _ => panic!("no option: {line:?}"),
    }
}

async fn serve(nodes: Nodes) -> Result<(), String> {
    let fails = format!("fails {}", nodes.slot());
    if nodes.generation() > 0 && !nodes.is_master() && lines().contains(&fails) {
        std::process::exit(9);
    }
    if argument(3) != "http" {
        return serve_lines(nodes).await;
    }
    let mut served = JoinSet::new();
    up(&nodes);
    for name in named() {
        let (nodes, app) = (nodes.clone(), app(&nodes));
        served.spawn(async move { nodes.serve_on(&name, app).await });
    }
    if served.is_empty() {
        let app = app(&nodes);
        served.spawn(async move { nodes.serve(app).await });
    }
    for ended in served.join_all().await {
        ended.map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn lines() -> Vec<String> {
    let file = fs::read_to_string(argument(2)).expect("the options can be read");
    file.lines().map(str::to_owned).collect()
}

/// The listeners that the file names.
fn named() -> Vec<String> {
    let lines = lines();
    let listeners = lines.iter().filter_map(|line| line.strip_prefix("listen "));
    listeners.map(|rest| rest.split(' ').next().unwrap_or_default().to_owned()).collect()
}
