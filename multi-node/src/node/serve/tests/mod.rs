//! What clients see of a drain, in simulated time: pipes in memory, a paused clock, no sockets.

mod close;
mod http1;
mod http2;
mod lifetime;
mod patience;
mod storm;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::{BoxError, Source, serve};

/// How long idle connections are kept once the node drains.
const GRACE: Duration = Duration::from_secs(1);

/// No step of a test takes longer, in simulated time.
const DEADLINE: Duration = Duration::from_secs(300);

async fn soon<F: Future>(future: F) -> F::Output {
    timeout(DEADLINE, future).await.expect("in time")
}

/// Connections that tests push.
struct Pipes(Mutex<mpsc::UnboundedReceiver<DuplexStream>>);

impl Source for Pipes {
    type Io = DuplexStream;

    async fn accept(&self) -> io::Result<DuplexStream> {
        match self.0.lock().await.recv().await {
            Some(io) => Ok(io),
            None => std::future::pending().await,
        }
    }
}

/// A server that runs in a task, and what its handlers wait for.
struct Rig {
    connections: mpsc::UnboundedSender<DuplexStream>,
    shutdown: Option<oneshot::Sender<()>>,
    served: JoinHandle<io::Result<()>>,
    /// `/slow` has been called, or `/later` has read its body.
    entered: Arc<Notify>,
    /// Lets `/slow` answer.
    go_on: Arc<Notify>,
    /// What `/stream` sends.
    body: mpsc::UnboundedSender<&'static str>,
}

impl Rig {
    fn start() -> Rig {
        Rig::with_grace(GRACE)
    }

    fn with_grace(grace: Duration) -> Rig {
        let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (body, chunks) = mpsc::unbounded_channel();
        let app = router(entered.clone(), go_on.clone(), chunks);
        let (connections, accepted) = mpsc::unbounded_channel();
        let (shutdown, told) = oneshot::channel();
        let served = tokio::spawn(serve(
            Pipes(Mutex::new(accepted)),
            move |_: &DuplexStream| app.clone(),
            async { told.await.expect("the rig outlives its server") },
            grace,
        ));
        Rig { connections, shutdown: Some(shutdown), served, entered, go_on, body }
    }

    fn connect(&self) -> Client {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        self.connections.send(theirs).expect("the server runs");
        Client { io: ours, read: Vec::new() }
    }

    fn drain(&mut self) {
        self.shutdown.take().expect("the first drain").send(()).expect("the server runs");
    }

    /// Waits until `serve` has returned `Ok`.
    async fn ended(self) {
        soon(self.served).await.expect("no panic").expect("no error");
    }
}

fn router(
    entered: Arc<Notify>,
    go_on: Arc<Notify>,
    chunks: mpsc::UnboundedReceiver<&'static str>,
) -> Router {
    let uploaded = entered.clone();
    let later = move |body: Body| async move {
        tokio::spawn(async move {
            let read = axum::body::to_bytes(body, usize::MAX).await;
            assert_eq!(read.expect("a whole body").len(), 20);
            uploaded.notify_one();
        });
        "later"
    };
    let slow = move || {
        let (entered, go_on) = (entered.clone(), go_on.clone());
        async move {
            entered.notify_one();
            go_on.notified().await;
            "slow"
        }
    };
    let chunks = Arc::new(std::sync::Mutex::new(Some(chunks)));
    let stream = move || async move {
        let chunks = chunks.lock().expect("not poisoned").take().expect("asked for once");
        Body::new(Chunks(chunks))
    };
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/count", post(|body: String| async move { body.len().to_string() }))
        .route("/ignore", post(|| async { "ignored" }))
        .route("/later", post(later))
        .route("/panic", get(|| async { panic!("this test's handler panics") as &'static str }))
        .route("/slow", get(slow))
        .route("/stream", get(stream))
        .route("/upgrade", get(lifetime::echo_upgrade))
}

/// A body that ends when its sender is dropped.
struct Chunks(mpsc::UnboundedReceiver<&'static str>);

impl http_body::Body for Chunks {
    type Data = bytes::Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, BoxError>>> {
        let chunk = self.0.poll_recv(cx);
        chunk.map(|chunk| chunk.map(|text| Ok(http_body::Frame::data(text.into()))))
    }
}

/// An HTTP/1 client that shows the bytes.
struct Client {
    io: DuplexStream,
    read: Vec<u8>,
}

impl Client {
    async fn send(&mut self, bytes: &str) {
        soon(self.io.write_all(bytes.as_bytes())).await.expect("the server reads");
    }

    async fn get(&mut self, path: &str) {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
    }

    /// Reads up to and with `end`.
    async fn read_to(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|part| part == end.as_bytes()) {
                let rest = self.read.split_off(at + end.len());
                let read = std::mem::replace(&mut self.read, rest);
                return String::from_utf8(read).expect("text");
            }
            let read = soon(self.io.read_buf(&mut self.read)).await.expect("a clean connection");
            assert_ne!(read, 0, "the connection closed after {:?}", self.text());
        }
    }

    /// A response whose body is `body`.
    async fn answer(&mut self, body: &str) -> Answer {
        Answer(self.read_to(&format!("\r\n\r\n{body}")).await.to_lowercase())
    }

    /// Waits for the end of the connection and returns what came before it.
    async fn rest(&mut self) -> String {
        soon(self.io.read_to_end(&mut self.read)).await.expect("a clean connection");
        self.text()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.read).into_owned()
    }
}

/// A response as it came, in lower case.
#[derive(Debug)]
struct Answer(String);

impl Answer {
    fn is_ok(&self) -> bool {
        self.0.starts_with("http/1.1 200") || self.0.starts_with("http/1.0 200")
    }

    fn says_close(&self) -> bool {
        self.0.contains("connection: close\r\n")
    }

    fn says_keep_alive(&self) -> bool {
        self.0.contains("connection: keep-alive\r\n")
    }
}

/// Simulated time from `since`.
fn since(since: Instant) -> Duration {
    Instant::now() - since
}
