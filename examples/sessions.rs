//! Sessions in memory that survive the process that keeps them: an owner each, and a copy.
//!
//! Shows:  requests between nodes and their replies. A node's number is never used again, so a
//!         cookie that names a node means that one or nobody.
//! Run:    cargo run --example sessions
//! Try:    curl -c jar -b jar http://127.0.0.1:8080 again and again; then `kill -9` the worker that
//!         owns the session (each node tells its pid at the start), and ask once more.
//! Expect: the count goes on whichever node answers, and whichever worker is killed:
//!
//!         visit 3, owned by node 1, copied to node 0, told by node 2
//!         visit 4, owned by node 0, copied to node 2, told by node 0
//!
//! What loses both its nodes before the next visit is gone, as in a reload that replaces them all;
//! what must outlive that belongs in a database.

use std::{collections::BTreeMap, io, sync::Mutex, time::Duration};

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, extract::State, routing::get};
use multi_node::{Asker, Message, NodeId, Nodes, RequestError};
use serde::{Deserialize, Serialize};
use tokio::time;

/// How long a node that is new may take to be introduced to the others.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, Serialize, Deserialize, Message)]
struct Session {
    number: u128,
    visits: u32,
    owner: NodeId,
    copy: NodeId,
}

/// Counts a visit: to the owner of a session, or to the node with the copy.
#[derive(Serialize, Deserialize, Message)]
#[message(reply = Visited)]
struct Visit(u128);

/// `None`: there is no such session.
#[derive(Serialize, Deserialize, Message)]
struct Visited(Option<Session>);

/// The copy of a session, from its owner.
#[derive(Serialize, Deserialize, Message)]
#[message(reply = Kept)]
struct Keep(Session);

#[derive(Serialize, Deserialize, Message)]
struct Kept;

/// What this node owns or has a copy of. A node is a process, so this may well be static.
static SESSIONS: Mutex<BTreeMap<u128, Session>> = Mutex::new(BTreeMap::new());

#[multi_node::main(port = 8080, nodes = 4)]
async fn main(nodes: Nodes) -> io::Result<()> {
    // Replies fail when nobody waits for them any more.
    nodes.on_request(async |Keep(session), asker: Asker<Keep>| {
        keep(session);
        let _ = asker.reply(&Kept).await;
    });
    let here = nodes.clone();
    nodes.on_request(move |Visit(number), asker: Asker<Visit>| {
        let here = here.clone();
        async move {
            if let Ok(session) = visit(&here, number).await {
                let _ = asker.reply(&Visited(session)).await;
            }
        }
    });
    println!("node {} is process {}", nodes.id(), std::process::id());
    if nodes.is_master()
        && let Some(address) = nodes.local_addr()
    {
        println!("listening on http://{address}");
    }
    nodes.serve(Router::new().route("/", get(page)).with_state(nodes.clone())).await
}

async fn page(State(nodes): State<Nodes>, headers: HeaderMap) -> Response {
    let (found, note) = match cookie(&headers) {
        None => (Ok(None), ""),
        Some((keepers, number)) => (find(&nodes, keepers, number).await, " (the last one is gone)"),
    };
    let (session, note) = match found {
        Ok(Some(session)) => (session, ""),
        Ok(None) => (count(&nodes, rand::random()).await, note),
        Err(error) => return (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    };
    let Session { number, visits, owner, copy } = session;
    let me = nodes.id();
    let cookie = format!("session={owner}.{copy}.{number:x}; HttpOnly; SameSite=Lax");
    let line = format!(
        "visit {visits}, owned by node {owner}, copied to node {copy}, told by node {me}{note}\n"
    );
    ([(header::SET_COOKIE, cookie)], line).into_response()
}

/// The nodes and the number in the cookie `session=<owner>.<copy>.<number>`.
fn cookie(headers: &HeaderMap) -> Option<([NodeId; 2], u128)> {
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    let session = cookies.split("; ").find_map(|cookie| cookie.strip_prefix("session="))?;
    let mut parts = session.splitn(3, '.');
    let keepers = [parts.next()?.parse().ok()?, parts.next()?.parse().ok()?];
    Some((keepers, u128::from_str_radix(parts.next()?, 16).ok()?))
}

/// Has a visit counted by the owner, or else by the node with the copy.
async fn find(
    nodes: &Nodes,
    keepers: [NodeId; 2],
    number: u128,
) -> Result<Option<Session>, RequestError> {
    let met = |node| node == nodes.id() || nodes.askable::<Visit>().contains(&node);
    let _ = time::timeout(PATIENCE, async {
        while !keepers.into_iter().any(met) {
            time::sleep(PATIENCE / 100).await; // this node is new, or both are gone
        }
    })
    .await;
    for keeper in keepers {
        let visited = if keeper == nodes.id() {
            visit(nodes, number).await
        } else {
            nodes.request(keeper, &Visit(number)).await.map(|Visited(session)| session)
        };
        match visited {
            Err(error) if !is_gone(&error) => return Err(error),
            Ok(Some(session)) => return Ok(Some(session)),
            Ok(None) | Err(_) => {}
        }
    }
    Ok(None)
}

/// Counts a visit to a session of which this node has the copy at least. It has met the owner, so
/// when it cannot ask it any more, the owner is gone and the session its own.
async fn visit(nodes: &Nodes, number: u128) -> Result<Option<Session>, RequestError> {
    let known = SESSIONS.lock().unwrap().get(&number).copied();
    match known {
        None => Ok(None),
        Some(Session { owner, .. }) if owner == nodes.id() => Ok(Some(count(nodes, number).await)),
        Some(Session { owner, .. }) => match nodes.request(owner, &Visit(number)).await {
            Err(error) if is_gone(&error) => Ok(Some(count(nodes, number).await)),
            visited => visited.map(|Visited(session)| session),
        },
    }
}

fn is_gone(error: &RequestError) -> bool {
    matches!(error, RequestError::NotOpen { .. } | RequestError::Closed { .. })
}

/// Counts a visit to a session that this node owns from now on, and has another keep the copy: the
/// one that did before, if it is still there.
async fn count(nodes: &Nodes, number: u128) -> Session {
    let owner = nodes.id();
    let mut session = {
        let mut sessions = SESSIONS.lock().unwrap();
        let new = Session { number, visits: 0, owner, copy: owner };
        let session = sessions.entry(number).or_insert(new);
        (session.visits, session.owner) = (session.visits + 1, owner);
        *session
    };
    let mut others = nodes.askable::<Keep>();
    // No node has all the copies.
    let first = number.checked_rem(others.len() as u128).unwrap_or(0);
    others.rotate_left(first as usize);
    others.sort_by_key(|node| *node != session.copy);
    for copy in others {
        let copied = Session { copy, ..session };
        if nodes.request(copy, &Keep(copied)).await.is_ok() {
            session = copied;
            break;
        }
    }
    keep(session);
    session
}

/// Keeps a session, unless a later visit to it is known already.
fn keep(session: Session) {
    let mut sessions = SESSIONS.lock().unwrap();
    let kept = sessions.entry(session.number).or_insert(session);
    if kept.visits <= session.visits {
        *kept = session;
    }
}
