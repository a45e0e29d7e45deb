//! What one writes first: tokio, a Unix socket, a length before each message, and a write for each:
//! `peer_naive <kind> <size> <ms> <processes>`.
//!
//! The shape of `Framed` with a `LengthDelimitedCodec`: a buffered reader, and a sender that
//! flushes after every message.

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream as StdUnixStream};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use multi_node_benches::{Crowd, Kind, Link, Mesh, Packet, Task, die_with_parent, follow, lead};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Mutex;

/// How long the processes may take to find each other.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of the length that stands before a message.
const LENGTH: usize = 4;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    die_with_parent();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let task = Task::parse(&arguments).map_err(io::Error::other)?;
    let processes = number(arguments.get(3))?;
    match arguments.get(4..) {
        Some([crowd, place]) => run(&task, crowd, number(Some(place))?, processes).await,
        _ => {
            let crowd = format!("multi-node-benches-{}", std::process::id());
            let mut children = start(&arguments, &crowd, processes)?;
            let outcome = run(&task, &crowd, 0, processes).await;
            for child in &mut children {
                child.kill()?;
                child.wait()?;
            }
            outcome
        }
    }
}

fn number(argument: Option<&String>) -> io::Result<usize> {
    let number = argument.and_then(|text| text.parse().ok());
    number.ok_or_else(|| io::Error::other("expected <kind> <size> <ms> <processes>"))
}

fn start(arguments: &[String], crowd: &str, processes: usize) -> io::Result<Vec<Child>> {
    let program = env::current_exe()?;
    let start = |place: usize| {
        Command::new(&program).args(arguments).args([crowd, &place.to_string()]).spawn()
    };
    (1..processes).map(start).collect()
}

async fn run(task: &Task, crowd: &str, place: usize, processes: usize) -> io::Result<()> {
    let mut wires = connect(crowd, place, processes)?;
    let outcome = match task.kind {
        Kind::AllToAll | Kind::OneToAll => {
            let mesh = Everybody(wires.iter().map(|wire| Arc::clone(&wire.to)).collect());
            let crowd = Crowd::new(mesh, task.clone(), place == 0, processes - 1);
            for mut wire in wires {
                let crowd = Arc::clone(&crowd);
                tokio::spawn(async move { crowd.hear(&mut wire).await });
            }
            // The lead says what came of it, and then all wait to be ended.
            std::future::pending().await
        }
        _ if place == 0 => lead(&mut wires[0], task).await,
        _ => follow(&mut wires[0], task).await,
    };
    outcome.map_err(io::Error::other)
}

/// A socket to each other process, that of the lead first.
fn connect(crowd: &str, place: usize, processes: usize) -> io::Result<Vec<Wire>> {
    let address = |place: usize| SocketAddr::from_abstract_name(format!("{crowd}-{place}"));
    let listener = UnixListener::bind_addr(&address(place)?)?;
    let mut wires = Vec::new();
    for older in 0..place {
        wires.push(Wire::new(reach(&address(older)?)?)?);
    }
    for _ in place + 1..processes {
        wires.push(Wire::new(listener.accept()?.0)?);
    }
    Ok(wires)
}

/// Connects to a process that may not listen yet.
fn reach(address: &SocketAddr) -> io::Result<StdUnixStream> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match StdUnixStream::connect_addr(address) {
            Err(_) if Instant::now() < deadline => std::thread::yield_now(),
            connected => return connected,
        }
    }
}

/// One socket, split.
struct Wire {
    from: BufReader<OwnedReadHalf>,
    to: Arc<Mutex<Sending>>,
    frame: Vec<u8>,
}

struct Sending {
    socket: OwnedWriteHalf,
    frame: Vec<u8>,
}

impl Wire {
    fn new(socket: StdUnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let (from, socket) = UnixStream::from_std(socket)?.into_split();
        let to = Arc::new(Mutex::new(Sending { socket, frame: Vec::new() }));
        Ok(Self { from: BufReader::new(from), to, frame: Vec::new() })
    }

    async fn receive(&mut self) -> io::Result<Packet> {
        let length = self.from.read_u32_le().await?;
        self.frame.resize(length as usize, 0);
        self.from.read_exact(&mut self.frame).await?;
        bincode::deserialize(&self.frame).map_err(io::Error::other)
    }
}

impl Sending {
    async fn send(&mut self, packet: &Packet) -> Result<(), String> {
        self.frame.clear();
        self.frame.extend_from_slice(&[0; LENGTH]);
        bincode::serialize_into(&mut self.frame, packet).map_err(text)?;
        let length = u32::try_from(self.frame.len() - LENGTH).map_err(text)?;
        self.frame[..LENGTH].copy_from_slice(&length.to_le_bytes());
        self.socket.write_all(&self.frame).await.map_err(text)
    }
}

impl Link for Wire {
    async fn send(&mut self, packet: &Packet) -> Result<(), String> {
        self.to.lock().await.send(packet).await
    }

    async fn recv(&mut self) -> Result<Packet, String> {
        self.receive().await.map_err(text)
    }
}

struct Everybody(Vec<Arc<Mutex<Sending>>>);

impl Mesh for Everybody {
    async fn broadcast(&self, packet: &Packet) -> Result<(), String> {
        for to in &self.0 {
            to.lock().await.send(packet).await?;
        }
        Ok(())
    }

    async fn tell_lead(&self, packet: &Packet) -> Result<(), String> {
        self.0[0].lock().await.send(packet).await
    }
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
