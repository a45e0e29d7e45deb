//! Connections that go from one node to another: never lost, and never served by two.

mod given_back;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::config::{Addr, Readiness};
use crate::link::control::Keeping;
use crate::node::accept::{Acceptor, Setup};
use crate::node::connection::Connection;
use crate::node::hand_over::{HandOverError, NotHandedOver, Refused};
use crate::node::life::Life;
use crate::sys::page::Page;

const THERE: NodeId = NodeId(1);

/// What a node counts its connections with.
fn acceptor() -> Acceptor {
    Acceptor::new(Setup {
        listener: 3,
        page: Page::create().unwrap(),
        seat: 0,
        slot: 0,
        slots: 0..=0,
        own: None,
        keeping: Keeping::Each,
        local_addr: Addr::Inet(([127, 0, 0, 1], 0).into()),
        life: Arc::new(Life::new(Readiness::Implicit)),
        tally: Arc::default(),
        borrow: Box::new(|_| {}),
        on_first_poll: Box::new(|| {}),
    })
}

/// A client, and its connection to a node that counts it so.
fn tcp(acceptor: &Acceptor) -> (TcpStream, Connection) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (accepted, peer) = listener.accept().unwrap();
    accepted.set_nonblocking(true).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    let guard = acceptor.adopt().unwrap();
    (client, Connection::new(accepted.into(), Addr::Inet(peer), guard).unwrap())
}

/// Has a node take connections, as the acceptor lets it, and give them to the test.
fn takes(hub: &Hub, acceptor: &Acceptor) -> mpsc::UnboundedReceiver<(Text, Connection)> {
    let (give, take) = mpsc::unbounded_channel();
    hub.on_hand_over(adopter(acceptor), move |text: Text, connection| {
        let give = give.clone();
        async move { give.send((text, connection)).unwrap_or_default() }
    });
    take
}

/// As `Listeners` does.
fn adopter(acceptor: &Acceptor) -> crate::node::hand_over::Adopt {
    let acceptor = acceptor.clone();
    Box::new(move |listener, peer, stream: OwnedFd| {
        let found = (listener == 3).then_some(&acceptor).ok_or(Refused::NoListener)?;
        let guard = found.adopt().ok_or(Refused::Draining)?;
        Connection::new(stream, peer, guard).map_err(|_| Refused::NoRoom)
    })
}

/// Two nodes that know of each other that the second takes connections.
async fn joined(acceptor: &Acceptor) -> (Hub, Hub, mpsc::UnboundedReceiver<(Text, Connection)>) {
    let (a, b) = pair();
    let taken = takes(&b, acceptor);
    knows(&a).await;
    (a, b, taken)
}

/// Waits until a node has what it needs to hand over to the other.
async fn knows(a: &Hub) {
    let acceptor = acceptor();
    soon(async {
        loop {
            let (_client, connection) = tcp(&acceptor);
            // Nobody has this number: the first call for a type has the nodes tell each other.
            let _ = a.hand_over(NodeId(99), connection, &text("?"), DEADLINE).await;
            if a.can_hand_over::<Text>(THERE) {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn hand_over(hub: &Hub, connection: Connection, words: &str) -> Result<(), HandOverError> {
    soon(hub.hand_over(THERE, connection, &text(words), DEADLINE)).await
}

/// Talks over a connection, both ways.
async fn works(mut connection: Connection, mut client: TcpStream) {
    client.write_all(b"ping").unwrap();
    let mut bytes = [0; 4];
    soon(connection.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(&bytes, b"ping");
    connection.write_all(b"pong").await.unwrap();
    drop(connection);
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "pong");
}

#[tokio::test]
async fn a_connection_goes_on_with_another_node_where_it_was_left() {
    let (here, there) = (acceptor(), acceptor());
    let (a, _b, mut taken) = joined(&there).await;
    let (mut client, mut connection) = tcp(&here);
    let peer = connection.peer_addr().clone();
    client.write_all(b"half a li").unwrap();
    let mut read = [0; 9];
    connection.read_exact(&mut read).await.unwrap();
    connection.unread(&read[4..]);
    connection.unread(&read[..4]);
    client.write_all(b"ne\n").unwrap();
    assert_eq!((here.open(), there.open()), (1, 0));
    hand_over(&a, connection, "yours").await.unwrap();
    assert_eq!(here.open(), 0);
    let (message, mut connection) = soon(taken.recv()).await.unwrap();
    assert_eq!((message, there.open()), (text("yours"), 1));
    assert_eq!(*connection.peer_addr(), peer);
    let mut line = [0; 12];
    soon(connection.read_exact(&mut line)).await.unwrap();
    assert_eq!(&line, b"half a line\n");
    works(connection, client).await;
    assert_eq!(there.open(), 0);
}

#[tokio::test]
async fn a_connection_over_a_unix_socket_is_handed_over_too_and_handed_on() {
    let (here, there) = (acceptor(), acceptor());
    let (a, b, mut taken) = joined(&there).await;
    let (mut client, accepted) = UnixStream::pair().unwrap();
    accepted.set_nonblocking(true).unwrap();
    let (peer, guard) = (Addr::Unix(None), here.adopt().unwrap());
    let connection = Connection::new(accepted.into(), peer, guard).unwrap();
    hand_over(&a, connection, "yours").await.unwrap();
    let (_, mut connection) = soon(taken.recv()).await.unwrap();
    connection.unread(b"read there");
    let mut back = takes(&a, &here);
    soon(b.hand_over(NodeId(0), connection, &text("yours again"), DEADLINE)).await.unwrap();
    let (message, mut connection) = soon(back.recv()).await.unwrap();
    assert_eq!(message, text("yours again"));
    assert!(connection.as_unix().is_some());
    let mut bytes = [0; 10];
    soon(connection.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(&bytes, b"read there");
    connection.write_all(b"!").await.unwrap();
    client.read_exact(&mut bytes[..1]).unwrap();
    assert_eq!((here.open(), there.open()), (1, 0));
}

#[tokio::test]
async fn hundreds_are_handed_over_at_once() {
    let (here, there) = (acceptor(), acceptor());
    let (a, _b, mut taken) = joined(&there).await;
    let mut tasks = Vec::new();
    let mut clients = std::collections::HashMap::new();
    for n in 0..200 {
        let (client, mut connection) = tcp(&here);
        connection.unread(n.to_string().as_bytes());
        clients.insert(n.to_string(), client);
        let a = a.clone();
        tasks.push(tokio::spawn(async move {
            hand_over(&a, connection, &n.to_string()).await.unwrap();
        }));
    }
    for _ in 0..200 {
        let (Text(n), mut connection) = soon(taken.recv()).await.unwrap();
        let mut bytes = vec![0; n.len()];
        soon(connection.read_exact(&mut bytes)).await.unwrap();
        assert_eq!(bytes, n.as_bytes());
        works(connection, clients.remove(&n).unwrap()).await;
    }
    for task in tasks {
        soon(task).await.unwrap();
    }
    assert_eq!((here.open(), there.open()), (0, 0));
}

#[tokio::test]
async fn a_node_that_drains_hands_over_what_it_has_and_has_nothing_left_then() {
    let (here, there) = (acceptor(), acceptor());
    let (a, _b, mut taken) = joined(&there).await;
    let (client, connection) = tcp(&here);
    here.stop_accepting();
    hand_over(&a, connection, "yours").await.unwrap();
    soon(here.closed()).await;
    let (_, connection) = soon(taken.recv()).await.unwrap();
    works(connection, client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_closes_its_connection_and_no_other() {
    let (here, there) = (acceptor(), acceptor());
    let (a, b) = pair();
    b.on_hand_over(adopter(&there), |Text(words): Text, connection| async move {
        assert!(words != "panic", "told to panic");
        works_there(connection).await;
    });
    knows(&a).await;
    let (mut client, connection) = tcp(&here);
    hand_over(&a, connection, "panic").await.unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    let (mut client, connection) = tcp(&here);
    hand_over(&a, connection, "serve").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "served");
}

async fn works_there(mut connection: Connection) {
    connection.write_all(b"served").await.unwrap();
}

#[tokio::test]
#[should_panic(expected = "`on_hand_over` was called before for the message type Text")]
async fn a_second_handler_of_a_type_panics() {
    let (hub, acceptor) = (hub(0), acceptor());
    let _first = takes(&hub, &acceptor);
    takes(&hub, &acceptor);
}
