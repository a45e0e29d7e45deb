//! The messages over the crate `ipc-channel`: `peer_ipc <rate|trip> <size> <ms>`.

use std::env;
use std::process::Command;
use std::time::Instant;

use ipc_channel::IpcError;
use ipc_channel::ipc::{IpcOneShotServer, IpcReceiver, IpcSender, channel};
use multi_node_benches::{Kind, Packet, Task, cpu_nanos, die_with_parent, say_rate, say_trips};

/// What the child gets first: where to send, and where what is sent to it comes from.
type Ends = (IpcSender<Packet>, IpcReceiver<Packet>);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    die_with_parent();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let task = Task::parse(&arguments)?;
    match arguments.get(3) {
        Some(name) => follow(&task, name),
        None => lead(&task, &arguments),
    }
}

/// The end that measures, as the master does.
fn lead(task: &Task, arguments: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let (rendezvous, name) = IpcOneShotServer::<IpcSender<Ends>>::new()?;
    let mut child = Command::new(env::current_exe()?).args(arguments).arg(name).spawn()?;
    let (_, hand_over) = rendezvous.accept()?;
    let (to_lead, from_child) = channel()?;
    let (to_child, from_lead) = channel()?;
    hand_over.send((to_lead, from_lead))?;
    match task.kind {
        Kind::Rate => {
            to_child.send(task.ping())?;
            receive_all(&from_child)?;
        }
        Kind::Trip => {
            let mut trips = Vec::with_capacity(1 << 18);
            let end = Instant::now() + task.length;
            while Instant::now() < end {
                let sent = Instant::now();
                to_child.send(task.ping())?;
                from_child.recv()?;
                trips.push(sent.elapsed());
            }
            say_trips(trips);
        }
    }
    child.kill()?;
    child.wait()?;
    Ok(())
}

fn receive_all(from_child: &IpcReceiver<Packet>) -> Result<(), IpcError> {
    let (began, before) = (Instant::now(), cpu_nanos());
    let mut count = 0;
    loop {
        match from_child.recv()? {
            Packet::Data { sequence, .. } => {
                assert_eq!(sequence, count, "in order, none lost");
                count += 1;
            }
            Packet::End { cpu_nanos: sender } => {
                let cpu = cpu_nanos() - before + sender;
                say_rate(count, began.elapsed(), cpu);
                return Ok(());
            }
            Packet::Ping { .. } => {}
        }
    }
}

fn follow(task: &Task, name: &str) -> Result<(), Box<dyn std::error::Error>> {
    let (to_lead, from_lead) = {
        let (sender, ends) = channel::<Ends>()?;
        IpcSender::connect(name.to_owned())?.send(sender)?;
        ends.recv()?
    };
    match task.kind {
        Kind::Rate => {
            from_lead.recv()?;
            send_all(task, &to_lead)?;
        }
        Kind::Trip => loop {
            to_lead.send(from_lead.recv()?)?;
        },
    }
    // The lead ends this process when it has what it wanted.
    drop(from_lead.recv());
    Ok(())
}

fn send_all(task: &Task, to: &IpcSender<Packet>) -> Result<(), IpcError> {
    let before = cpu_nanos();
    let end = Instant::now() + task.length;
    let mut sequence = 0;
    while Instant::now() < end {
        for _ in 0..task.batch() {
            to.send(task.data(sequence))?;
            sequence += 1;
        }
    }
    let cpu_nanos = cpu_nanos() - before;
    to.send(Packet::End { cpu_nanos })
}
