//! No macro: the settings come from a file.
//!
//! Shows:  `multi_node::run` and `Builder`; bad settings are told with file, line and what is
//!         expected, before anything is bound.
//! Run:    cargo run --example builder -- examples/builder.conf
//! Try:    curl http://127.0.0.1:8080; then write `port = high` into the file and start again.
//! Expect: `node 1 of 3`, or another of the three; and, for the mistake, exit code 78 with:
//!
//!         examples/builder.conf:3: `port = high`: expected a port, 0 to 65535

use std::process;
use std::{env, fs, io};

use axum::Router;
use axum::routing::get;
use multi_node::{Builder, NodeCount, Nodes};

/// `EX_CONFIG` of sysexits.h, as multi-node itself says it of a bad variable.
const BAD_CONFIGURATION: i32 = 78;

fn main() -> ! {
    multi_node::run(settings, serve)
}

/// Every node: what `main` would be under the attribute.
async fn serve(nodes: Nodes) -> io::Result<()> {
    if nodes.is_master()
        && let Some(address) = nodes.local_addr()
    {
        println!("listening on http://{address}");
    }
    let hello = format!("node {} of {}\n", nodes.id(), nodes.len());
    nodes.serve(Router::new().route("/", get(async move || hello))).await
}

/// The master only: workers get the outcome, and never look at the file.
fn settings() -> Builder {
    let path = env::args().nth(1).unwrap_or_else(|| "examples/builder.conf".to_owned());
    let text = fs::read_to_string(&path).unwrap_or_else(|error| {
        refuse(&format!("{path}: {error}; expected a file of lines `key = value`"))
    });
    parse(&text).unwrap_or_else(|(line, reason)| refuse(&format!("{path}:{line}: {reason}")))
}

fn refuse(reason: &str) -> ! {
    eprintln!("{reason}");
    process::exit(BAD_CONFIGURATION)
}

/// Reads lines of `key = value`; `#` begins a comment. An error comes with its line's number.
fn parse(text: &str) -> Result<Builder, (usize, String)> {
    (1..)
        .zip(text.lines())
        .map(|(number, line)| (number, line.split('#').next().unwrap_or_default().trim()))
        .filter(|(_, line)| !line.is_empty())
        .try_fold(Builder::new(), |builder, (number, line)| {
            set(builder, line).map_err(|expected| (number, format!("`{line}`: {expected}")))
        })
}

fn set(builder: Builder, line: &str) -> Result<Builder, &'static str> {
    let (key, value) = line.split_once('=').ok_or("expected `key = value`")?;
    let value = value.trim();
    Ok(match key.trim() {
        "host" => builder.host(value),
        "port" => builder.port(value.parse().map_err(|_| "expected a port, 0 to 65535")?),
        "nodes" if value == "auto" => builder.nodes(NodeCount::Auto),
        "nodes" => builder.nodes(value.parse::<usize>().map_err(|_| "expected 1 to 256, or auto")?),
        "master_listen" => {
            builder.master_listen(value.parse().map_err(|_| "expected true or false")?)
        }
        _ => return Err("expected one of host, port, nodes, master_listen"),
    })
}
