//! Sessions in memory: each is kept by the node that began it, and any node answers for all.
//!
//! Shows:  asking another node and awaiting its answer. A node's number is never used again, so a
//!         cookie that names a node means that one or nobody.
//! Run:    cargo run --example sessions
//! Try:    curl -c jar -b jar http://127.0.0.1:8080 again and again; then `kill -9` the worker that
//!         keeps the session (each node tells its pid at the start), and ask once more.
//! Expect: the count goes up whichever node answers, and begins anew when the keeper has gone:
//!
//!         visit 3, kept by node 1, told by node 2
//!         visit 1, kept by node 0, told by node 0 (node 1 is gone, and your session with it)

use std::{collections::BTreeMap, io, sync::Mutex, time::Duration};

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, extract::State, routing::get};
use multi_node::{Message, NodeId, Nodes, Peer};
use serde::{Deserialize, Serialize};
use tokio::{sync::oneshot, time, time::error::Elapsed};

/// How long a keeper may take to answer, and a new node to be introduced to the others.
const PATIENCE: Duration = Duration::from_millis(500);

/// What nodes ask each other, and answer; `None`: there is no such session.
#[derive(Serialize, Deserialize, Message)]
enum Call {
    Visit { call: u64, session: u128 },
    Visited { call: u64, visits: Option<u32> },
}

/// The sessions that this node keeps, and how many visits each has had. A node is a process, so
/// what it keeps may well be static.
static KEPT: Mutex<BTreeMap<u128, u32>> = Mutex::new(BTreeMap::new());
/// Who in this node waits for which answer.
static CALLS: Mutex<BTreeMap<u64, oneshot::Sender<Option<u32>>>> = Mutex::new(BTreeMap::new());

#[multi_node::main(port = 8080, nodes = 4)]
async fn main(nodes: Nodes) -> io::Result<()> {
    nodes.on_node(async |mut peer: Peer<Call>| {
        while let Some(message) = peer.recv().await {
            match message {
                // Not waiting for room: two nodes that both did would wait for ever.
                Call::Visit { call, session } => {
                    let _ = peer.try_send(&Call::Visited { call, visits: visit(session) });
                }
                Call::Visited { call, visits } => {
                    let caller = CALLS.lock().unwrap().remove(&call);
                    let _ = caller.map(|caller| caller.send(visits));
                }
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
    let me = nodes.id();
    let Some((keeper, session)) = cookie(&headers) else {
        return begin(me, "");
    };
    match ask(&nodes, keeper, session).await {
        Ok(Some(visits)) => {
            format!("visit {visits}, kept by node {keeper}, told by node {me}\n").into_response()
        }
        Ok(None) => begin(me, &format!(" (node {keeper} is gone, and your session with it)")),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// The keeper and the number in the cookie `session=<keeper>.<number>`.
fn cookie(headers: &HeaderMap) -> Option<(&str, u128)> {
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    let session = cookies.split("; ").find_map(|cookie| cookie.strip_prefix("session="))?;
    let (keeper, number) = session.split_once('.')?;
    Some((keeper, u128::from_str_radix(number, 16).ok()?))
}

/// Answers with a new session, kept here.
fn begin(me: NodeId, note: &str) -> Response {
    let session = rand::random::<u128>();
    KEPT.lock().unwrap().insert(session, 1);
    let cookie = format!("session={me}.{session:x}; HttpOnly; SameSite=Lax");
    let line = format!("visit 1, kept by node {me}, told by node {me}{note}\n");
    ([(header::SET_COOKIE, cookie)], line).into_response()
}

/// Has the keeper count a visit. When there is no keeper, there is no session.
async fn ask(nodes: &Nodes, keeper: &str, session: u128) -> Result<Option<u32>, Elapsed> {
    let find = || nodes.peers::<Call>().into_iter().find(|node| node.to_string() == keeper);
    let answer = time::timeout(PATIENCE, async {
        if keeper == nodes.id().to_string() {
            return visit(session);
        }
        while find().is_none() {
            time::sleep(PATIENCE / 100).await; // one of the two nodes may be new
        }
        let (call, (answer, answered)) = (rand::random(), oneshot::channel());
        CALLS.lock().unwrap().retain(|_, caller| !caller.is_closed()); // some gave up
        CALLS.lock().unwrap().insert(call, answer);
        nodes.send_to(find()?, &Call::Visit { call, session }).await.ok()?;
        answered.await.ok()?
    });
    match answer.await {
        Err(_) if find().is_none() => Ok(None),
        answer => answer,
    }
}

/// Counts a visit to a session that is kept here.
fn visit(session: u128) -> Option<u32> {
    KEPT.lock().unwrap().get_mut(&session).map(|visits| {
        *visits += 1;
        *visits
    })
}
