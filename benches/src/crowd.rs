//! Many processes that all send to all, or one of them to all others: the same on whatever carries
//! their messages.
//!
//! Each tells the lead when it has a link to every other; the lead starts them all. When a process
//! has sent all that it was to send, and heard the end of every other, it tells the lead how many
//! messages it received. The lead says how many those are in all.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::talk::Link;
use crate::{Kind, Packet, Task, cpu_nanos, say_rate};

/// What carries typed messages to all other processes.
pub trait Mesh: Send + Sync + 'static {
    /// Sends to every other process.
    fn broadcast(&self, packet: &Packet) -> impl Future<Output = Result<(), String>> + Send;

    /// Sends to the lead; never called there.
    fn tell_lead(&self, packet: &Packet) -> impl Future<Output = Result<(), String>> + Send;
}

/// One process of the crowd.
#[derive(Debug)]
pub struct Crowd<M> {
    mesh: M,
    task: Task,
    leads: bool,
    others: usize,
    linked: AtomicUsize,
    /// Only of the lead: those who are ready, itself included.
    ready: AtomicUsize,
    began: OnceLock<Instant>,
    /// Who still sends to this process, and this one itself if it is to send.
    unfinished: AtomicUsize,
    received: AtomicU64,
    cpu_before: u64,
    /// Only of the lead: what all received and spent, and who has not said so.
    total: [AtomicU64; 2],
    uncounted: AtomicUsize,
}

impl<M: Mesh> Crowd<M> {
    /// A process that is to have links to `others`.
    pub fn new(mesh: M, task: Task, leads: bool, others: usize) -> Arc<Self> {
        let unfinished = match (task.kind, leads) {
            (Kind::AllToAll, _) => others + 1,
            _ => 1,
        };
        Arc::new(Self {
            mesh,
            task,
            leads,
            others,
            linked: AtomicUsize::new(0),
            ready: AtomicUsize::new(0),
            began: OnceLock::new(),
            unfinished: AtomicUsize::new(unfinished),
            received: AtomicU64::new(0),
            cpu_before: cpu_nanos(),
            total: Default::default(),
            uncounted: AtomicUsize::new(others + 1),
        })
    }

    /// Hears one of the others, from its link's birth to its end.
    ///
    /// # Errors
    ///
    /// When the link fails, which it does when its other end leaves.
    pub async fn hear(self: Arc<Self>, link: &mut impl Link) -> Result<(), String> {
        if self.linked.fetch_add(1, Relaxed) + 1 == self.others {
            if self.leads {
                self.one_is_ready().await?;
            } else {
                self.mesh.tell_lead(&Packet::Ready).await?;
            }
        }
        let mut count = 0;
        loop {
            match link.recv().await? {
                Packet::Data { sequence, .. } => {
                    assert_eq!(sequence, count, "in order, none lost");
                    count += 1;
                }
                Packet::End { .. } => {
                    self.received.fetch_add(count, Relaxed);
                    self.one_has_finished().await?;
                }
                Packet::Ready => self.one_is_ready().await?,
                Packet::Start if self.task.kind == Kind::AllToAll => {
                    tokio::spawn(Arc::clone(&self).send_all());
                }
                Packet::Start => {}
                Packet::Count { messages, cpu_nanos } => self.counted(messages, cpu_nanos),
                Packet::Ping { .. } => return Err("did not expect a ping".to_owned()),
            }
        }
    }

    async fn one_is_ready(self: &Arc<Self>) -> Result<(), String> {
        if self.ready.fetch_add(1, Relaxed) == self.others {
            self.began.get_or_init(Instant::now);
            self.mesh.broadcast(&Packet::Start).await?;
            tokio::spawn(Arc::clone(self).send_all());
        }
        Ok(())
    }

    async fn send_all(self: Arc<Self>) {
        if let Err(error) = self.send_until_the_end().await {
            eprintln!("{error}");
        }
    }

    async fn send_until_the_end(&self) -> Result<(), String> {
        let end = Instant::now() + self.task.length;
        let mut next = 0;
        let mut packet = self.task.data(next);
        while Instant::now() < end {
            for _ in 0..self.task.batch() {
                if let Packet::Data { sequence, .. } = &mut packet {
                    *sequence = next;
                }
                self.mesh.broadcast(&packet).await?;
                next += 1;
            }
        }
        self.mesh.broadcast(&Packet::End { cpu_nanos: 0 }).await?;
        self.one_has_finished().await
    }

    async fn one_has_finished(&self) -> Result<(), String> {
        if self.unfinished.fetch_sub(1, Relaxed) > 1 {
            return Ok(());
        }
        let messages = self.received.load(Relaxed);
        let cpu_nanos = cpu_nanos() - self.cpu_before;
        if self.leads {
            self.counted(messages, cpu_nanos);
            return Ok(());
        }
        self.mesh.tell_lead(&Packet::Count { messages, cpu_nanos }).await
    }

    fn counted(&self, messages: u64, cpu_nanos: u64) {
        let [all, cpu] = &self.total;
        let all = all.fetch_add(messages, Relaxed) + messages;
        let cpu = cpu.fetch_add(cpu_nanos, Relaxed) + cpu_nanos;
        if self.uncounted.fetch_sub(1, Relaxed) == 1 {
            let began = self.began.get().expect("whoever counted was started");
            say_rate(all, began.elapsed(), cpu);
        }
    }
}
