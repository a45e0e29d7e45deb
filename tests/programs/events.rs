//! A program whose master says what happens to its processes.

use multi_node::{Event, Nodes};

use crate::lines::serve_lines;
use crate::words::say;

/// Every node listens for events; the master's are printed as `event words…`, after `listens
/// generation=…`. A second listener joins once the first has heard of a death, and prints its
/// events as `late words…`.
#[multi_node::main(port = 0, nodes = 3)]
pub(crate) async fn events(nodes: Nodes) -> Result<(), String> {
    let mut events = nodes.events();
    let late = nodes.clone();
    if nodes.is_master() {
        say(format_args!("listens generation={}", nodes.generation()));
    }
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            say(format_args!("event {}", words(&event)));
            if let Event::Exited { .. } = event {
                tokio::spawn(tell_late(late.clone()));
            }
        }
        say("no more events");
    });
    serve_lines(nodes).await
}

async fn tell_late(nodes: Nodes) {
    let mut events = nodes.events();
    while let Some(event) = events.recv().await {
        say(format_args!("late {}", words(&event)));
    }
}

fn words(event: &Event) -> String {
    match event {
        Event::Spawned { node, slot, generation, pid } => {
            format!("spawned node={node} slot={slot} generation={generation} pid={pid}")
        }
        Event::Ready { node, slot } => format!("ready node={node} slot={slot}"),
        Event::Exited { node, slot, status } => {
            format!("exited node={node} slot={slot} status={status:?}")
        }
        Event::ReloadStarted { generation } => format!("reload generation={generation}"),
        Event::ReloadFinished { generation, .. } => format!("reloaded generation={generation}"),
        Event::ReloadFailed { generation, reason } => {
            format!("failed generation={generation} {reason}")
        }
        Event::Scaled { nodes } => format!("scaled nodes={nodes}"),
        other => format!("{other:?}"),
    }
}
