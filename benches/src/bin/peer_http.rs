//! The servers that one would write by hand, on hyper's HTTP/1.
//!
//! ```text
//! peer_http <tokio|reuseport|shared> <port> <nodes> <answer>
//! ```
//!
//! - `tokio`: one process, a multi-threaded runtime with `nodes` worker threads;
//! - `reuseport`: `nodes` processes of one thread, each with its own `SO_REUSEPORT` socket;
//! - `shared`: `nodes` processes of one thread that all accept on one inherited socket.

use std::env;
use std::io::{self, stdin};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Command, Stdio};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use multi_node_benches::{Answer, announce, die_with_parent};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, listen, setsockopt, socket,
    sockopt,
};
use tokio::runtime;

/// What multi-node listens with by default, too.
const BACKLOG: i32 = 4096;

fn main() {
    die_with_parent();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match *arguments {
        [kind, port, nodes, answer] => lead(kind, port, nodes, answer),
        [kind, port, _, answer, "sibling"] => follow(kind, port, answer),
        _ => Err("expected <tokio|reuseport|shared> <port> <nodes> <answer>".to_owned()),
    };
    if let Err(reason) = outcome {
        eprintln!("peer_http: {reason}");
        std::process::exit(1);
    }
}

fn lead(kind: &str, port: &str, nodes: &str, answer: &str) -> Result<(), String> {
    let count: usize = nodes.parse().map_err(|_| format!("nodes `{nodes}`"))?;
    let answer: Answer = answer.parse()?;
    let listener = bound(port)?;
    let mut runtime = match kind {
        "tokio" => runtime::Builder::new_multi_thread(),
        _ => runtime::Builder::new_current_thread(),
    };
    // Siblings die with this thread, so it is this one that starts them.
    for _ in 1..count {
        let stdin = match kind {
            "tokio" => break,
            "reuseport" => Stdio::null(),
            "shared" => listener.try_clone().map_err(text)?.into(),
            other => return Err(format!("kind `{other}`")),
        };
        let program = env::current_exe().map_err(text)?;
        let arguments = env::args().skip(1).chain(["sibling".to_owned()]);
        let sibling = Command::new(program).args(arguments).stdin(stdin).spawn();
        sibling.map_err(text)?;
    }
    serve(runtime.worker_threads(count), listener, answer)
}

fn follow(kind: &str, port: &str, answer: &str) -> Result<(), String> {
    let listener = match kind {
        "shared" => stdin().as_fd().try_clone_to_owned().map_err(text)?,
        _ => bound(port)?,
    };
    serve(&mut runtime::Builder::new_current_thread(), listener, answer.parse()?)
}

fn bound(port: &str) -> Result<OwnedFd, String> {
    let port: u16 = port.parse().map_err(|_| format!("port `{port}`"))?;
    let open = || -> nix::Result<OwnedFd> {
        let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
        setsockopt(&socket, sockopt::ReusePort, &true)?;
        let address = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
        bind(socket.as_raw_fd(), &SockaddrIn::from(address))?;
        listen(&socket, Backlog::new(BACKLOG)?)?;
        Ok(socket)
    };
    open().map_err(|errno| format!("port {port}: {}", errno.desc()))
}

fn serve(runtime: &mut runtime::Builder, listener: OwnedFd, answer: Answer) -> Result<(), String> {
    let runtime = runtime.enable_all().build().map_err(text)?;
    let listener = TcpListener::from(listener);
    listener.set_nonblocking(true).map_err(text)?;
    runtime
        .block_on(async {
            // In a task of its own: the thread that calls `block_on` is no worker thread.
            let listener = tokio::net::TcpListener::from_std(listener)?;
            tokio::spawn(announce(accept(listener, answer))).await?
        })
        .map_err(text)
}

async fn accept(listener: tokio::net::TcpListener, answer: Answer) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let service =
                service_fn(
                    move |_| async move { Ok::<_, std::convert::Infallible>(answer.response()) },
                );
            // A client that goes away is no error of this server's.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
