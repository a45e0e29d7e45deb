//! Real sockets, real time: servers relieve each other under load, and no request fails.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Source, serve};

const GENERATIONS: usize = 20;
const CLIENTS: usize = 8;
/// Long enough that a client on this machine sends its next request in it.
const GRACE: Duration = Duration::from_secs(1);

/// A listener that several generations share; each stops accepting when it is told to.
struct Shared {
    listener: TcpListener,
    stopped: watch::Receiver<bool>,
}

impl Source for Shared {
    type Io = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        tokio::select! {
            biased;
            () = told(self.stopped.clone()) => std::future::pending().await,
            accepted = self.listener.accept() => {
                let (stream, _) = accepted?;
                stream.set_nodelay(true)?;
                Ok(stream)
            }
        }
    }
}

async fn told(mut stopped: watch::Receiver<bool>) {
    stopped.wait_for(|stopped| *stopped).await.expect("the sender is kept");
}

/// Requests one after the other; connects again only when told to close.
async fn client(port: u16, done: Arc<AtomicBool>) -> Result<usize, String> {
    let mut answered = 0;
    while !done.load(Ordering::Relaxed) {
        let mut stream =
            TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| error.to_string())?;
        loop {
            let close = exchange(&mut stream)
                .await
                .map_err(|error| format!("after {answered} answers: {error}"))?;
            answered += 1;
            if close || done.load(Ordering::Relaxed) {
                break;
            }
        }
    }
    Ok(answered)
}

/// One request and its answer; whether that says that the connection closes.
async fn exchange(stream: &mut TcpStream) -> io::Result<bool> {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nhello") {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(String::from_utf8_lossy(&answer).contains("connection: close"))
}

async fn storm() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let port = listener.local_addr().expect("a socket").port();
    let done = Arc::new(AtomicBool::new(false));
    let mut clients: JoinSet<_> = (0..CLIENTS).map(|_| client(port, done.clone())).collect();
    let mut servers = JoinSet::new();
    let mut last: Option<watch::Sender<bool>> = None;
    for _ in 0..GENERATIONS {
        let (stop, stopped) = watch::channel(false);
        let listener = listener.try_clone().expect("a descriptor");
        let source = Shared {
            listener: TcpListener::from_std(listener).expect("a socket"),
            stopped: stopped.clone(),
        };
        // Each generation has to answer some, or the storm proves nothing.
        let (seen, mut answers) = watch::channel(0_u32);
        let seen = Arc::new(seen);
        let hello = get(move || {
            seen.send_modify(|count| *count += 1);
            async { "hello" }
        });
        let app = Router::new().route("/", hello);
        servers.spawn(serve(source, move |_: &TcpStream| app.clone(), told(stopped), GRACE));
        if let Some(last) = last.replace(stop) {
            last.send_replace(true);
        }
        tokio::select! {
            enough = answers.wait_for(|count| *count >= 50) => {
                enough.expect("the handler is kept");
            }
            Some(failed) = clients.join_next() => panic!("{failed:?}"),
        }
    }
    done.store(true, Ordering::Relaxed);
    while let Some(answered) = clients.join_next().await {
        let answered = answered.expect("no panic").expect("no request failed");
        assert!(answered > 0);
    }
    last.expect("there was one").send_replace(true);
    while let Some(served) = servers.join_next().await {
        served.expect("no panic").expect("no error");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_servers_relieve_each_other_under_load() {
    timeout(Duration::from_secs(60), storm()).await.expect("in time");
}
