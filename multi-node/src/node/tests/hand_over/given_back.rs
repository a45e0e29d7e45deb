//! Connections that were not handed over: whoever tried has them again, as they were.

use super::*;
use crate::link::error::CloseReason;

/// Tries in vain, and has the connection again, which works, with what was put back.
async fn is_given_back(hub: &Hub, here: &Acceptor, node: NodeId) -> NotHandedOver {
    let (client, mut connection) = tcp(here);
    connection.unread(b"put back");
    let error = soon(hub.hand_over(node, connection, &text("yours"), DEADLINE)).await.unwrap_err();
    let why = error.why().clone();
    assert_eq!(error.to_string(), why.to_string());
    still_works(error, client).await;
    assert_eq!(here.open(), 0);
    why
}

async fn still_works(error: HandOverError, client: TcpStream) {
    let mut connection = error.into_connection();
    let mut bytes = [0; 8];
    soon(connection.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(&bytes, b"put back");
    works(connection, client).await;
}

#[tokio::test]
async fn by_a_node_that_is_not_there_or_takes_none() {
    let here = acceptor();
    let (a, b) = pair();
    assert_eq!(is_given_back(&a, &here, THERE).await, NotHandedOver::NotOpen { node: THERE });
    // The other has the type too, and no handler.
    let (_client, connection) = tcp(&here);
    drop(soon(b.hand_over(NodeId(0), connection, &text("?"), DEADLINE)).await);
    knows(&a).await;
    assert_eq!(is_given_back(&a, &here, THERE).await, NotHandedOver::NotOpen { node: THERE });
    let nobody = NodeId(99);
    assert_eq!(is_given_back(&a, &here, nobody).await, NotHandedOver::NotOpen { node: nobody });
}

#[tokio::test]
async fn by_a_node_that_drains_and_by_one_without_the_listener() {
    let (here, there) = (acceptor(), acceptor());
    let (a, b) = pair();
    b.on_hand_over(
        Box::new(|listener, _, _| {
            assert_eq!(listener, 3);
            Err(Refused::NoListener)
        }),
        |_: Text, _| async {},
    );
    knows(&a).await;
    assert_eq!(is_given_back(&a, &here, THERE).await, NotHandedOver::NoListener { node: THERE });

    let (a, _b, _taken) = joined(&there).await;
    there.stop_accepting();
    assert_eq!(is_given_back(&a, &here, THERE).await, NotHandedOver::Draining { node: THERE });
}

#[tokio::test]
async fn when_it_is_too_large() {
    let (here, there) = (acceptor(), acceptor());
    let (a, _b, _taken) = joined(&there).await;
    let (client, mut connection) = tcp(&here);
    connection.unread(&vec![7; 16 << 20]);
    connection.unread(b"put back");
    let error = hand_over(&a, connection, "yours").await.unwrap_err();
    assert_eq!(*error.why(), NotHandedOver::TooLarge { max: 16 << 20 });
    let mut connection = error.into_connection();
    let mut bytes = vec![0; 8 + (16 << 20)];
    soon(connection.read_exact(&mut bytes)).await.unwrap();
    assert!(bytes.starts_with(b"put back\x07"));
    works(connection, client).await;
}

/// A node with a thread that the test can block, and what lets it go on.
struct Stuck {
    node: Mortal,
    release: std::sync::mpsc::Sender<()>,
    taken: mpsc::UnboundedReceiver<(Text, Connection)>,
}

/// One that takes connections, and does nothing at all before it is released.
async fn stuck(a: &Hub, there: &Acceptor) -> Stuck {
    let node = Mortal::new(1);
    join((a, 0), (&node.hub, 1), LinkKind::Messages);
    let taken = takes(&node.hub, there);
    knows(a).await;
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (blocks, blocked) = tokio::sync::oneshot::channel();
    node.runtime.spawn(async move {
        blocks.send(()).unwrap();
        // An error is what ends it.
        let _ = released.recv();
    });
    soon(blocked).await.unwrap();
    Stuck { node, release, taken }
}

#[tokio::test]
async fn by_a_node_that_is_stuck_which_then_does_not_serve_it_too() {
    let (a, here, there) = (hub(0), acceptor(), acceptor());
    let Stuck { node, release, mut taken } = stuck(&a, &there).await;
    let (client, mut connection) = tcp(&here);
    connection.unread(b"put back");
    let after = Duration::from_millis(20);
    let error = soon(a.hand_over(THERE, connection, &text("?"), after)).await.unwrap_err();
    assert_eq!(*error.why(), NotHandedOver::TimedOut { after });
    drop(release);
    // What comes next is all that it serves.
    let (next_client, next) = tcp(&here);
    hand_over(&a, next, "next").await.unwrap();
    let (message, next) = soon(taken.recv()).await.unwrap();
    assert_eq!((message, there.open()), (text("next"), 1));
    works(next, next_client).await;
    assert!(taken.try_recv().is_err());
    still_works(error, client).await;
    node.die();
}

#[tokio::test]
async fn by_a_node_that_dies_before_it_answers() {
    let (a, here, there) = (hub(0), acceptor(), acceptor());
    let Stuck { node, release, taken } = stuck(&a, &there).await;
    let (client, mut connection) = tcp(&here);
    connection.unread(b"put back");
    let handing = tokio::spawn({
        let a = a.clone();
        async move { hand_over(&a, connection, "yours").await.unwrap_err() }
    });
    let_others_run(10).await;
    node.runtime.shutdown_background();
    drop(release);
    let error = soon(handing).await.unwrap();
    assert_eq!(*error.why(), NotHandedOver::Closed { reason: CloseReason::Ended });
    still_works(error, client).await;
    drop(taken);
}

#[tokio::test]
async fn a_hand_over_that_is_dropped_closes_the_connection_on_both_sides() {
    let (a, here, there) = (hub(0), acceptor(), acceptor());
    let Stuck { node, release, mut taken } = stuck(&a, &there).await;
    let (mut client, connection) = tcp(&here);
    let handing = tokio::spawn({
        let a = a.clone();
        async move { hand_over(&a, connection, "yours").await.is_ok() }
    });
    let_others_run(10).await;
    handing.abort();
    soon(handing).await.unwrap_err();
    assert_eq!(here.open(), 0);
    drop(release);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    assert!(taken.try_recv().is_err());
    node.die();
}
