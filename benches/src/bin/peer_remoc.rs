//! The messages over the crate `remoc`, on a Unix socket: `peer_remoc <kind> <size> <ms>`.

use std::env;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;

use multi_node_benches::{Follower, Link, Packet, Task, die_with_parent, follow, lead};
use remoc::rch::base::{Receiver, Sender};
use tokio::net::UnixStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    die_with_parent();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let task = Task::parse(&arguments)?;
    if Follower::is_this(&arguments) {
        let mut channel = Channel::over(Follower::inherited()?.into()).await?;
        return Ok(follow(&mut channel, &task).await?);
    }
    let (ours, theirs) = StdUnixStream::pair()?;
    let _follower = Follower::start(&arguments, OwnedFd::from(theirs))?;
    Ok(lead(&mut Channel::over(ours).await?, &task).await?)
}

struct Channel {
    to: Sender<Packet>,
    from: Receiver<Packet>,
}

impl Channel {
    async fn over(socket: StdUnixStream) -> Result<Self, Box<dyn std::error::Error>> {
        socket.set_nonblocking(true)?;
        let (reader, writer) = UnixStream::from_std(socket)?.into_split();
        let settings = remoc::Cfg::default();
        let connected = remoc::Connect::io(settings, reader, writer).await?;
        let (connection, to, from) = connected;
        tokio::spawn(connection);
        Ok(Self { to, from })
    }
}

impl Link for Channel {
    async fn send(&mut self, packet: &Packet) -> Result<(), String> {
        self.to.send(packet.clone()).await.map_err(|error| error.to_string())
    }

    async fn recv(&mut self) -> Result<Packet, String> {
        let packet = self.from.recv().await.map_err(|error| error.to_string())?;
        packet.ok_or_else(|| "the other process is gone".to_owned())
    }
}
