//! How the nodes are: what their beats say goes to policy, and what policy finds is looked into.
//!
//! It reports a node that hangs with all that the kernel tells of it. It ends no process.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::notice::counted;
use crate::config::{NodeId, Settings, Slot};
use crate::link::control::Pulse;
use crate::policy::Time;
use crate::policy::health::{Finding, Health, Pace, Rules, Vitals};
use crate::report;
use crate::sys::proc::{self, Thread};

/// A node as its process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body {
    pub(super) slot: Slot,
    pub(super) pid: u32,
    /// Connections that it serves, or that are on their way to it.
    pub(super) open: u32,
}

/// The nodes' health, and what each last said of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Clinic {
    policy: Health,
    pulses: BTreeMap<NodeId, Pulse>,
}

impl Clinic {
    pub(super) fn new(seed: u64) -> Clinic {
        Clinic { policy: Health::new(seed), pulses: BTreeMap::new() }
    }

    /// The master's own node.
    pub(super) fn adopted(&mut self, now: Time, node: NodeId, settings: &Settings) -> Pace {
        self.policy.adopted(now, node, rules(settings))
    }

    /// A worker is about to be started with these options, which it is held to.
    pub(super) fn started(&mut self, now: Time, node: NodeId, settings: &Settings) -> Pace {
        self.policy.started(now, node, rules(settings))
    }

    /// A worker can serve.
    pub(super) fn ready(&mut self, now: Time, node: NodeId) {
        self.policy.ready(now, node);
    }

    pub(super) fn beat(&mut self, now: Time, node: NodeId, pulse: Pulse) {
        self.pulses.insert(node, pulse);
        self.policy.beat(now, node, vitals(pulse));
    }

    pub(super) fn reported(&mut self, now: Time, node: NodeId, pulse: Pulse) {
        self.policy.reported(now, node, vitals(pulse));
    }

    pub(super) fn draining(&mut self, node: NodeId) {
        self.policy.draining(node);
    }

    /// The node's process is gone, or its `main` has ended.
    pub(super) fn gone(&mut self, node: NodeId) {
        self.pulses.remove(&node);
        self.policy.gone(node);
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.policy.poll_timeout()
    }

    pub(super) fn handle_timeout(&mut self, now: Time) {
        self.policy.handle_timeout(now);
    }

    /// What was found; a node that hangs is reported, unless something else explains its silence.
    pub(super) fn poll(
        &mut self,
        now: Time,
        body_of: impl Fn(NodeId) -> Option<Body>,
    ) -> Option<Finding> {
        while let Some(finding) = self.policy.poll() {
            let Finding::Hung { node, silent } = finding else {
                return Some(finding);
            };
            let Some(body) = body_of(node) else { continue };
            let look = Look::at(body, self.pulses.get(&node));
            let Body { slot, pid, .. } = body;
            match look.excuse() {
                Some(excuse) => {
                    let silent = format_args!("no answer for {silent:.1?}");
                    report::info!("node {node}, slot {slot}, pid {pid}: {silent}, {excuse}");
                    self.policy.excused(now, node);
                }
                None => {
                    let silent = format_args!("hung, no answer for {silent:.1?}");
                    report::warn!("node {node}, slot {slot}, pid {pid}: {silent}; {look}");
                    return Some(finding);
                }
            }
        }
        None
    }
}

fn vitals(Pulse { accepted, resident, .. }: Pulse) -> Vitals {
    Vitals { accepted, resident }
}

/// Nobody answers for a runtime that the program brings itself, or for a program that only
/// computes.
fn rules(settings: &Settings) -> Rules {
    let hang_timeout = settings.hang_timeout.filter(|_| settings.listens());
    Rules { hang_timeout, limits: settings.limits }
}

/// What can be known of a node that is silent.
struct Look {
    open: u32,
    /// CPU time since its last beat.
    ran: Option<Duration>,
    is_traced: bool,
    /// Those that may run user code.
    threads: Vec<Thread>,
}

impl Look {
    fn at(body: Body, last: Option<&Pulse>) -> Look {
        let mut threads = proc::threads(body.pid);
        threads.retain(|thread| !thread.name.starts_with(OURS));
        let ran = last.and_then(|last| Some(proc::cpu_time(body.pid)?.saturating_sub(last.cpu)));
        Look { open: body.open, ran, is_traced: proc::is_traced(body.pid), threads }
    }

    /// What kept it from answering, if that was not its own doing.
    fn excuse(&self) -> Option<&'static str> {
        let wants_to_run = self.threads.iter().any(|thread| thread.state == 'R');
        if self.is_traced {
            Some("held by a debugger")
        } else if wants_to_run && self.ran.is_some_and(|ran| ran < STARVED) {
            Some("it waits for a CPU")
        } else {
            None
        }
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&counted(self.open, "open connection", "open connections"))?;
        if let Some(ran) = self.ran {
            write!(f, "; {ran:.1?} of CPU since")?;
        }
        for thread in self.threads.iter().take(THREADS) {
            write!(f, "; {}", Doing(thread))?;
        }
        Ok(())
    }
}

/// What a thread does, in words.
struct Doing<'a>(&'a Thread);

impl fmt::Display for Doing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Thread { name, state, wait_channel, stack } = self.0;
        let does = match state {
            'R' => "runs",
            'S' => "sleeps",
            'D' => "waits for a device",
            'T' => "is stopped",
            't' => "is held by a debugger",
            'Z' | 'X' => "has ended",
            _ => "is",
        };
        write!(f, "thread {name} {does} ({state})")?;
        match (&stack[..], wait_channel) {
            ([], None) => Ok(()),
            ([], Some(place)) => write!(f, " in {place}"),
            (stack, _) => write!(f, " in {}", stack.join(" < ")),
        }
    }
}

/// How the threads of this library are named.
const OURS: &str = "multi-node:";
/// What a node that waits for a CPU may have had of one all the same.
const STARVED: Duration = Duration::from_millis(50);
/// A line names so many threads.
const THREADS: usize = 8;
