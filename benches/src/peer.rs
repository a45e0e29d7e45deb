//! The servers that are measured: how each is started, and how it is known to be ready.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::bench::{Bench, installed};
use crate::process::Running;

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long to leave a server alone that does not answer yet.
const PAUSE: Duration = Duration::from_micros(100);

/// A server that can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// `nodes.serve` and the same handler as the others.
    MultiNode,
    /// multi-node with a bare accept loop that sends back what comes.
    Echo,
    /// multi-node with an axum `Router`.
    Hello,
    /// hyper in one process with as many threads.
    Tokio,
    /// hyper in as many processes, each with its own socket.
    Reuseport,
    /// The same once more: what two runs of one thing differ by.
    ReuseportAgain,
    /// hyper in as many processes that accept on one socket.
    SharedFd,
    Actix,
    Nginx,
    NodeCluster,
}

/// What a server is asked to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) nodes: usize,
    /// See `multi_node_benches::Answer`.
    pub(crate) answer: &'a str,
}

/// A server and where it listens.
pub(crate) struct Server {
    pub(crate) running: Running,
    pub(crate) address: SocketAddrV4,
}

impl Peer {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::MultiNode => "multi-node",
            Self::Echo => "multi-node, `echo`",
            Self::Hello => "multi-node, `hello`",
            Self::Tokio => "one tokio process",
            Self::Reuseport => "reuseport by hand",
            Self::ReuseportAgain => "reuseport by hand, again",
            Self::SharedFd => "one shared fd",
            Self::Actix => "actix-web",
            Self::Nginx => "nginx",
            Self::NodeCluster => "Node's cluster",
        }
    }

    /// Why it cannot be measured here, if it cannot.
    pub(crate) fn missing(self) -> Option<&'static str> {
        let there = match self {
            Self::Nginx => installed("nginx", "-v"),
            Self::NodeCluster => installed("node", "--version"),
            Self::Actix if !cfg!(feature = "peers") => {
                return Some("left out, built without the feature `peers`");
            }
            _ => true,
        };
        (!there).then_some("not installed")
    }

    /// Starts it on a port of its own, without waiting for anything.
    pub(crate) fn start(self, bench: &Bench, job: Job<'_>) -> Result<Server, String> {
        let port = bench.free_port()?;
        let mut command = self.command(bench, port, job)?;
        let running = Running::start(&mut command, bench.scratch())?;
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        Ok(Server { running, address })
    }

    /// Starts it and returns when it answers and every node has said that it is ready.
    pub(crate) fn start_ready(self, bench: &Bench, job: Job<'_>) -> Result<Server, String> {
        let named = |reason| format!("{}: {reason}", self.label());
        let server = self.start(bench, job).map_err(named)?;
        self.wait_ready(&server, job.nodes).map_err(named)?;
        server.first_answer().map_err(named)?;
        Ok(server)
    }

    /// Returns when every node has said that it is ready, with the moment when the last did.
    pub(crate) fn wait_ready(self, server: &Server, nodes: usize) -> Result<Instant, String> {
        let mut last = server.running.started;
        for _ in 0..self.voices(nodes) {
            last = server.running.line("ready")?.at;
        }
        Ok(last)
    }

    /// How many processes say that they are ready; nginx's cannot.
    pub(crate) fn voices(self, nodes: usize) -> usize {
        match self {
            Self::Nginx => 0,
            Self::Tokio | Self::Actix => 1,
            _ => nodes,
        }
    }

    fn command(self, bench: &Bench, port: u16, job: Job<'_>) -> Result<Command, String> {
        let Job { nodes, answer } = job;
        let (nodes, port_text) = (nodes.to_string(), port.to_string());
        let family = |program: &str| {
            let mut command = bench.program(program);
            command.arg(answer).env("MULTI_NODE_PORT", &port_text).env("MULTI_NODE_NODES", &nodes);
            command
        };
        let by_hand = |kind: &str| {
            let mut command = bench.program("peer_http");
            command.args([kind, &port_text, &nodes, answer]);
            command
        };
        Ok(match self {
            Self::MultiNode => family("node_http"),
            Self::Echo => family("node_echo"),
            Self::Hello => family("node_hello"),
            Self::Tokio => by_hand("tokio"),
            Self::Reuseport | Self::ReuseportAgain => by_hand("reuseport"),
            Self::SharedFd => by_hand("shared"),
            Self::Actix => {
                let mut command = bench.program("peer_actix");
                command.args([&port_text, &nodes, answer]);
                command
            }
            Self::Nginx => nginx(bench.scratch(), port, job)?,
            Self::NodeCluster => {
                let mut command = Command::new("node");
                command
                    .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/peers/cluster.js"))
                    .args([&port_text, &nodes, answer]);
                command
            }
        })
    }
}

/// nginx with everything that it writes in `scratch`, so that any user may run it.
fn nginx(scratch: &Path, port: u16, job: Job<'_>) -> Result<Command, String> {
    let text = match job.answer {
        "greet" => multi_node_benches::GREETING,
        "pid" => "$pid",
        other => return Err(format!("nginx cannot answer `{other}`")),
    };
    let workers = job.nodes;
    let folder = scratch.display();
    // A socket for each worker, as the others have; and no end to a kept connection.
    let configuration = format!(
        r#"daemon off;
worker_processes {workers};
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/nginx;
  proxy_temp_path {folder}/nginx;
  fastcgi_temp_path {folder}/nginx;
  uwsgi_temp_path {folder}/nginx;
  scgi_temp_path {folder}/nginx;
  server {{
    listen {port} reuseport backlog=4096;
    default_type text/plain;
    location / {{ return 200 "{text}"; }}
  }}
}}
"#
    );
    let file = scratch.join("nginx.conf");
    fs::write(&file, configuration).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut command = Command::new("nginx");
    command.arg("-e").arg("stderr").arg("-c").arg(file);
    Ok(command)
}

impl Server {
    /// Asks until there is an answer; returns it and when it came.
    pub(crate) fn first_answer(&self) -> Result<(String, Instant), String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.ask() {
                Ok(answer) => return Ok((answer, Instant::now())),
                Err(error) if Instant::now() > deadline => {
                    return Err(format!("no answer from {}: {error}", self.address));
                }
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }

    /// Asks until each of `nodes` processes other than `known` has answered with its id; returns
    /// when the last did.
    pub(crate) fn answered_by_all(
        &self,
        nodes: usize,
        known: &BTreeSet<u32>,
    ) -> Result<Instant, String> {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = BTreeSet::new();
        while Instant::now() < deadline {
            let Ok(answer) = self.ask() else {
                continue;
            };
            let process = answer.parse().map_err(|_| format!("`{answer}` is no id"))?;
            if !known.contains(&process) {
                seen.insert(process);
            }
            if seen.len() == nodes {
                return Ok(Instant::now());
            }
        }
        Err(format!("{} of {nodes} processes answered", seen.len()))
    }

    /// One request on a connection of its own; returns the body, or the last line of an echo.
    fn ask(&self) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
        let mut answer = [0; 1024];
        let count = stream.read(&mut answer)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let answer = String::from_utf8_lossy(&answer[..count]);
        let body = answer.rsplit_once("\r\n").map_or("", |(_, body)| body);
        Ok(body.to_owned())
    }
}
