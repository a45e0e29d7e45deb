use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::family::*;
use crate::node::Listener;

#[test]
fn dropping_accept_loses_no_connection() {
    let family = Arc::new(Family::new(1));
    let listener = Listener::new(family.acceptor(0));
    let clients = family.connect_many(200);
    let accepted = run(async {
        let mut held = Vec::new();
        while held.len() < clients.len() {
            tokio::select! {
                biased;
                () = tokio::task::yield_now() => {}
                accepted = listener.accept() => held.push(accepted.unwrap()),
            }
            tokio::select! {
                biased;
                accepted = listener.accept() => held.push(accepted.unwrap()),
                () = tokio::task::yield_now() => {}
            }
        }
        held
    });
    let mut peers: Vec<_> = accepted.iter().map(|(_, peer)| peer.as_inet().unwrap()).collect();
    let mut expected: Vec<_> = clients.iter().map(|c| c.local_addr().unwrap()).collect();
    peers.sort();
    expected.sort();
    assert_eq!(peers, expected);
}

#[test]
fn many_tasks_may_accept_at_once() {
    let family = Arc::new(Family::new(1));
    let listener = Listener::new(family.acceptor(0));
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(4).enable_io().build().unwrap();
    let total = Arc::<Total>::default();
    for _ in 0..8 {
        let (listener, total) = (listener.clone(), Arc::clone(&total));
        runtime.spawn(async move {
            let mut held = Vec::new();
            loop {
                held.push(listener.accept().await.unwrap());
                total.add_one();
            }
        });
    }
    let _clients = family.connect_many(300);
    total.wait(300);
}

#[test]
fn a_connection_reads_writes_and_knows_both_ends() {
    let family = Arc::new(Family::new(1));
    let listener = Listener::new(family.acceptor(0));
    let mut client = family.connect();
    client.write_all(b"ping").unwrap();
    run(async {
        let (mut connection, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        assert_eq!(*connection.peer_addr(), peer);
        assert_eq!(connection.local_addr().unwrap(), family.addr);
        assert!(connection.as_tcp().unwrap().nodelay().unwrap(), "inherited from the listener");
        let mut bytes = [0; 4];
        connection.read_exact(&mut bytes).await.unwrap();
        connection.write_all(&bytes).await.unwrap();
        connection.shutdown().await.unwrap();
    });
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "ping");
}

#[test]
fn who_stopped_takes_nothing_and_the_others_take_all() {
    let running = Running::new(3);
    let mut clients = running.family.connect_many(30);
    running.total.wait(30);
    running.nodes[1].acceptor.stop_accepting();
    let before = running.nodes[1].held();
    clients.extend(running.family.connect_many(60));
    running.total.wait(90);
    assert_eq!(running.nodes[1].held(), before);
}

#[test]
fn closed_waits_for_the_last_connection() {
    let family = Arc::new(Family::new(1));
    let acceptor = family.acceptor(0);
    let listener = Listener::new(acceptor.clone());
    let _clients = family.connect_many(2);
    run(async {
        let (first, _) = listener.accept().await.unwrap();
        let (second, _) = listener.accept().await.unwrap();
        let mut closed = pin!(acceptor.closed());
        let mut waits = pin!(listener.accept());
        assert!(is_pending(waits.as_mut()));
        drop(first);
        let (stream, guard) = second.into_tcp().unwrap();
        drop(stream);
        acceptor.stop_accepting();
        assert!(is_pending(waits.as_mut()));
        assert_eq!(acceptor.open(), 1);
        assert!(is_pending(closed.as_mut()));
        drop(guard);
        closed.await;
        family.connect();
        assert!(is_pending(waits.as_mut()));
        assert!(is_pending(pin!(listener.accept())));
    });
}

#[test]
fn closed_resolves_at_the_stop_when_nothing_is_open() {
    let acceptor = Arc::new(Family::new(1)).acceptor(0);
    let stopper = acceptor.clone();
    run(async {
        let mut closed = pin!(acceptor.closed());
        assert!(is_pending(closed.as_mut()));
        std::thread::spawn(move || stopper.stop_accepting());
        closed.await;
    });
}

#[test]
fn a_node_that_does_not_listen_waits_for_ever_and_is_ready() {
    let family = Arc::new(Family::new(1));
    let told = Arc::new(AtomicUsize::new(0));
    let ready = Arc::clone(&told);
    let acceptor = family.acceptor_with(0, None, move || {
        ready.fetch_add(1, SeqCst);
    });
    let listener = Listener::new(acceptor);
    let _client = family.connect();
    assert!(is_pending(pin!(listener.accept())));
    assert!(is_pending(pin!(listener.accept())));
    assert_eq!(told.load(SeqCst), 1);
    assert_eq!(listener.local_addr().unwrap(), family.addr);
    assert_eq!(listener.into_std().unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn the_bare_listener_accepts_makes_ready_and_is_passed_nothing() {
    let family = Arc::new(Family::new(2));
    let told = Arc::new(AtomicUsize::new(0));
    let ready = Arc::clone(&told);
    let acceptor = family.acceptor_with(1, Some(family.sockets(1)), move || {
        ready.fetch_add(1, SeqCst);
    });
    family.page.seat(1, 1);
    let bare = Listener::new(acceptor).into_std().unwrap();
    assert_eq!(told.load(SeqCst), 1);
    assert_eq!(bare.local_addr().unwrap(), family.addr);
    let mut clients = Vec::new();
    // Until one arrives there; nobody else accepts yet.
    until(|| {
        clients.push(family.connect());
        bare.accept().is_ok()
    });
    // The other takes what stays in both queues, and passes nothing to who accepts apart.
    let running = Running::of(family, [0].into_iter());
    clients.extend(running.family.connect_many(40));
    running.total.wait(clients.len() - 1);
    assert!(running.family.page.marks(1).has(crate::sys::page::Mark::Apart));
}

#[test]
fn into_tokio_accepts() {
    let family = Arc::new(Family::new(1));
    let _client = family.connect();
    run(async {
        let bare = Listener::new(family.acceptor(0)).into_tokio().unwrap();
        bare.accept().await.unwrap();
    });
}

#[test]
fn closing_for_all_frees_the_port_and_wakes_nobody_with_an_error() {
    let running = Running::new(3);
    let mut clients = running.family.connect_many(9);
    running.total.wait(9);
    until(|| running.family.page.progress(1) > 0);
    // The others hang and hold the port; the one that runs has borrowed their sockets.
    let hanging = [running.nodes[0].hang(), running.nodes[2].hang()];
    running.nodes[1].acceptor.close_for_all();
    let refused = TcpStream::connect(running.family.addr).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    drop(hanging);
    clients.clear();
}
