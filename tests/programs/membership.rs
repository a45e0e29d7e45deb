//! A program whose nodes say who comes and goes.

use multi_node::{Departure, MembershipEvent, Nodes, Peer};

use crate::lines::serve_lines;
use crate::messages::Said;
use crate::words::say;

/// Each node prints what it hears as `of=NODE joined=OTHER` and `of=NODE left=OTHER why`, and after
/// each the nodes that are there then as `of=NODE there=NODE,NODE`. All are linked.
#[multi_node::main(port = 0, nodes = 3)]
pub(crate) async fn membership(nodes: Nodes) -> Result<(), String> {
    let me = nodes.id();
    nodes.on_node(|mut peer: Peer<Said>| async move { while peer.recv().await.is_some() {} });
    let mut membership = nodes.membership();
    let knows = nodes.clone();
    tokio::spawn(async move {
        while let Some(event) = membership.recv().await {
            say(format_args!("of={me} {}", words(event)));
            let there: Vec<String> = knows.members().iter().map(ToString::to_string).collect();
            say(format_args!("of={me} there={}", there.join(",")));
        }
    });
    serve_lines(nodes).await
}

fn words(event: MembershipEvent) -> String {
    match event {
        MembershipEvent::Joined(node) => format!("joined={node}"),
        MembershipEvent::Left { node, why: Departure::Drained } => format!("left={node} drained"),
        MembershipEvent::Left { node, why: Departure::Exited(code) } => {
            format!("left={node} exited {code:?}")
        }
        MembershipEvent::Left { node, why: Departure::Killed(signal) } => {
            format!("left={node} killed {signal}")
        }
        other => format!("{other:?}"),
    }
}
