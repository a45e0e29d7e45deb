//! Two processes that talk: the same on whatever carries their messages.
//!
//! The lead measures and says what came of it; the other does what the lead asks for.

use std::time::Instant;

use crate::task::{PAUSE, WINDOW};
use crate::{Kind, Packet, Task, cpu_nanos, say_rate, say_trips};

/// What carries typed messages to one other process and back.
pub trait Link: Send {
    /// Sends one, as soon as it can.
    fn send(&mut self, packet: &Packet) -> impl Future<Output = Result<(), String>> + Send;

    /// Receives the next one.
    fn recv(&mut self) -> impl Future<Output = Result<Packet, String>> + Send;
}

/// The end that measures.
///
/// # Errors
///
/// When the link fails, or the task is not one for two.
pub async fn lead(link: &mut impl Link, task: &Task) -> Result<(), String> {
    match task.kind {
        Kind::Rate => receive_all(link, task).await,
        Kind::Trip | Kind::Lone => measure_trips(link, task).await,
        Kind::Pipeline => keep_under_way(link, task).await,
        Kind::AllToAll | Kind::OneToAll => Err("this one is for more than two".to_owned()),
    }
}

/// The other end; then it waits to be ended, for what it sent last may still be on its way.
///
/// # Errors
///
/// When the link fails.
pub async fn follow(link: &mut impl Link, task: &Task) -> Result<(), String> {
    match task.kind {
        Kind::Rate => send_all(link, task).await?,
        _ => send_back(link).await?,
    }
    link.recv().await.map(drop)
}

async fn receive_all(link: &mut impl Link, task: &Task) -> Result<(), String> {
    link.send(&task.ping()).await?;
    let (began, before) = (Instant::now(), cpu_nanos());
    let mut count = 0;
    loop {
        match link.recv().await? {
            Packet::Data { sequence, .. } => {
                assert_eq!(sequence, count, "in order, none lost");
                count += 1;
            }
            Packet::End { cpu_nanos: sender } => {
                say_rate(count, began.elapsed(), cpu_nanos() - before + sender);
                return Ok(());
            }
            other => return Err(unexpected(&other)),
        }
    }
}

async fn send_all(link: &mut impl Link, task: &Task) -> Result<(), String> {
    link.recv().await?;
    let before = cpu_nanos();
    let end = Instant::now() + task.length;
    let mut next = 0;
    let mut packet = task.data(next);
    while Instant::now() < end {
        for _ in 0..task.batch() {
            if let Packet::Data { sequence, .. } = &mut packet {
                *sequence = next;
            }
            link.send(&packet).await?;
            next += 1;
        }
    }
    let cpu_nanos = cpu_nanos() - before;
    link.send(&Packet::End { cpu_nanos }).await
}

async fn measure_trips(link: &mut impl Link, task: &Task) -> Result<(), String> {
    let ping = task.ping();
    let mut trips = Vec::with_capacity(1 << 18);
    let before = cpu_nanos();
    let end = Instant::now() + task.length;
    while Instant::now() < end {
        if task.kind == Kind::Lone {
            tokio::time::sleep(PAUSE).await;
        }
        let sent = Instant::now();
        link.send(&ping).await?;
        link.recv().await?;
        trips.push(sent.elapsed());
    }
    let others = end_of_other(link).await?;
    say_trips(trips, cpu_nanos() - before + others);
    Ok(())
}

async fn keep_under_way(link: &mut impl Link, task: &Task) -> Result<(), String> {
    let ping = task.ping();
    let (began, before) = (Instant::now(), cpu_nanos());
    let end = began + task.length;
    for _ in 0..WINDOW {
        link.send(&ping).await?;
    }
    let mut count = 0;
    while Instant::now() < end {
        for _ in 0..WINDOW {
            link.recv().await?;
            link.send(&ping).await?;
            count += 1;
        }
    }
    let elapsed = began.elapsed();
    for _ in 0..WINDOW {
        link.recv().await?;
    }
    let others = end_of_other(link).await?;
    say_rate(count, elapsed, cpu_nanos() - before + others);
    Ok(())
}

/// Tells the other end that it is over; the CPU time that it spent.
async fn end_of_other(link: &mut impl Link) -> Result<u64, String> {
    link.send(&Packet::End { cpu_nanos: 0 }).await?;
    match link.recv().await? {
        Packet::End { cpu_nanos } => Ok(cpu_nanos),
        other => Err(unexpected(&other)),
    }
}

async fn send_back(link: &mut impl Link) -> Result<(), String> {
    let mut packet = link.recv().await?;
    let before = cpu_nanos();
    while let Packet::Ping { .. } = packet {
        link.send(&packet).await?;
        packet = link.recv().await?;
    }
    link.send(&Packet::End { cpu_nanos: cpu_nanos() - before }).await
}

fn unexpected(packet: &Packet) -> String {
    let text = format!("{packet:?}");
    format!("did not expect {}", text.get(..80).unwrap_or(&text))
}
