//! The messages over the crate `ipc-channel`: `peer_ipc <kind> <size> <ms>`.

use std::env;
use std::process::Stdio;

use ipc_channel::ipc::{IpcOneShotServer, IpcReceiver, IpcSender, channel};
use multi_node_benches::{Follower, Link, Packet, Task, die_with_parent, follow, lead};

/// What the child gets first: where to send, and where what is sent to it comes from.
type Ends = (IpcSender<Packet>, IpcReceiver<Packet>);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    die_with_parent();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let task = Task::parse(&arguments)?;
    if let Some(name) = arguments.get(3).filter(|_| Follower::is_this(&arguments)) {
        return Ok(follow(&mut join(name)?, &task).await?);
    }
    let (rendezvous, name) = IpcOneShotServer::<IpcSender<Ends>>::new()?;
    let _follower = Follower::start(&[arguments, vec![name]].concat(), Stdio::null())?;
    let (_, hand_over) = rendezvous.accept()?;
    let (to_lead, from_child) = channel()?;
    let (to_child, from_lead) = channel()?;
    hand_over.send((to_lead, from_lead))?;
    Ok(lead(&mut Channel { to: to_child, from: from_child }, &task).await?)
}

fn join(name: &str) -> Result<Channel, Box<dyn std::error::Error>> {
    let (sender, ends) = channel::<Ends>()?;
    IpcSender::connect(name.to_owned())?.send(sender)?;
    let (to, from) = ends.recv()?;
    Ok(Channel { to, from })
}

/// Its calls block; there is nothing else to do in these processes.
struct Channel {
    to: IpcSender<Packet>,
    from: IpcReceiver<Packet>,
}

impl Link for Channel {
    async fn send(&mut self, packet: &Packet) -> Result<(), String> {
        self.to.send(packet.clone()).map_err(|error| error.to_string())
    }

    async fn recv(&mut self) -> Result<Packet, String> {
        self.from.recv().map_err(|error| error.to_string())
    }
}
