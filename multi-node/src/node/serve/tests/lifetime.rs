//! What `serve` waits for, and what it does not.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::header::{CONNECTION, UPGRADE};
use axum::http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::time::Instant;
use tower_service::Service;

use super::{Client, GRACE, Pipes, Rig, Source, serve, since, soon};

/// Switches to a protocol that sends back what it gets.
pub(super) async fn echo_upgrade(request: Request<Body>) -> Response<Body> {
    tokio::spawn(async move {
        let upgraded = hyper::upgrade::on(request).await.expect("it was asked for");
        let (mut from, mut to) = tokio::io::split(TokioIo::new(upgraded));
        tokio::io::copy(&mut from, &mut to).await.expect("a clean connection");
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, "echo")
        .body(Body::empty())
        .expect("valid")
}

const ASK_UPGRADE: &str =
    "GET /upgrade HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn without_connections_the_drain_takes_no_time() {
    let mut rig = Rig::start();
    let started = Instant::now();
    rig.drain();
    rig.ended().await;
    assert_eq!(since(started).as_millis(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_connection_counts_until_it_is_closed() {
    let mut rig = Rig::start();
    let mut client = rig.connect();
    client.send(ASK_UPGRADE).await;
    client.read_to("\r\n\r\n").await;
    rig.drain();
    tokio::time::sleep(GRACE * 20).await;
    client.send("still there?").await;
    client.read_to("still there?").await;
    assert!(!rig.served.is_finished());
    drop(client);
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_in_the_grace_is_still_granted() {
    let mut rig = Rig::start();
    let mut client = rig.connect();
    rig.drain();
    client.send(ASK_UPGRADE).await;
    let answer = client.answer("").await;
    assert!(answer.0.starts_with("http/1.1 101") && !answer.says_close(), "{answer:?}");
    client.send("hello").await;
    client.read_to("hello").await;
    drop(client);
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_accepted_as_the_drain_begins_is_served() {
    let mut rig = Rig::start();
    rig.drain();
    let mut client = rig.connect();
    client.get("/").await;
    assert!(client.answer("hello").await.says_close());
    drop(client);
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_accepted_after_the_grace_does_not_hold_the_drain_up() {
    let mut rig = Rig::start();
    let mut busy = rig.connect();
    busy.get("/slow").await;
    soon(rig.entered.notified()).await;
    rig.drain();
    tokio::time::sleep(GRACE * 2).await;
    let started = Instant::now();
    assert_eq!(rig.connect().rest().await, "");
    assert_eq!(since(started).as_millis(), 0);
    rig.go_on.notify_one();
    busy.answer("slow").await;
    drop(busy);
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_ends_its_own_connection_only() {
    let mut rig = Rig::start();
    let (mut unlucky, mut other) = (rig.connect(), rig.connect());
    unlucky.get("/panic").await;
    assert_eq!(unlucky.rest().await, "");
    other.get("/").await;
    assert!(other.answer("hello").await.is_ok());
    drop(other);
    rig.drain();
    rig.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_serve_that_is_dropped_lets_requests_finish_and_closes_the_rest() {
    let rig = Rig::start();
    let (mut idle, mut busy) = (rig.connect(), rig.connect());
    idle.get("/").await;
    idle.answer("hello").await;
    busy.get("/slow").await;
    soon(rig.entered.notified()).await;
    rig.served.abort();
    assert_eq!(idle.rest().await, "");
    rig.go_on.notify_one();
    assert!(busy.answer("slow").await.says_close());
    assert_eq!(busy.rest().await, "");
}

/// A source that fails for good.
struct Broken;

impl Source for Broken {
    type Io = DuplexStream;

    async fn accept(&self) -> io::Result<DuplexStream> {
        Err(io::Error::other("no more sockets"))
    }
}

#[tokio::test]
async fn an_error_of_the_source_ends_serve() {
    let served = serve(Broken, |_: &DuplexStream| Late::new(), std::future::pending(), GRACE);
    let error = soon(served).await.expect_err("the source failed");
    assert_eq!(error.to_string(), "no more sockets");
}

/// A service that gets ready later, and panics when it is called before.
#[derive(Clone)]
struct Late {
    ready: Arc<AtomicBool>,
    asked: Arc<Notify>,
}

impl Late {
    fn new() -> Self {
        Late { ready: Arc::new(AtomicBool::new(false)), asked: Arc::new(Notify::new()) }
    }
}

impl Service<Request<Incoming>> for Late {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.ready.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        self.asked.notify_one();
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, _: Request<Incoming>) -> Self::Future {
        assert!(self.ready.load(Ordering::Relaxed), "called before it was ready");
        ready(Ok(Response::new("late".to_owned())))
    }
}

#[tokio::test]
async fn a_service_is_called_when_it_is_ready() {
    let app = Late::new();
    let (Late { ready, asked }, (connections, accepted)) = (app.clone(), mpsc::unbounded_channel());
    tokio::spawn(serve(
        Pipes(Mutex::new(accepted)),
        move |_: &DuplexStream| app.clone(),
        std::future::pending(),
        GRACE,
    ));
    let (ours, theirs) = tokio::io::duplex(4096);
    connections.send(theirs).expect("the server runs");
    let mut client = Client { io: ours, read: Vec::new() };
    client.get("/").await;
    soon(asked.notified()).await;
    ready.store(true, Ordering::Relaxed);
    assert!(client.answer("late").await.is_ok());
}
