//! How the nodes are: what their beats say goes to policy, and what policy finds is looked into.
//!
//! It reports a node that hangs with all that the kernel tells of it. It ends no process.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

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
}

/// The nodes' health, and what each last said of itself.
pub(super) struct Clinic {
    policy: Health,
    pulses: BTreeMap<NodeId, Pulse>,
}

impl Clinic {
    pub(super) fn new(settings: &Settings, seed: u64) -> Clinic {
        Clinic { policy: Health::new(rules(settings), seed), pulses: BTreeMap::new() }
    }

    /// The master's own node.
    pub(super) fn adopted(&mut self, node: NodeId) -> Pace {
        self.policy.adopted(node)
    }

    /// A worker is about to be started.
    pub(super) fn started(&mut self, now: Time, node: NodeId) -> Pace {
        self.policy.started(now, node)
    }

    pub(super) fn beat(&mut self, now: Time, node: NodeId, pulse: Pulse) {
        self.pulses.insert(node, pulse);
        let Pulse { accepted, resident, .. } = pulse;
        self.policy.beat(now, node, Vitals { accepted, resident });
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

    /// What was found that a debugger does not explain; a node that hangs is reported.
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
            if proc::is_traced(body.pid) {
                report::info!("node {node}: silent for {silent:?}, held by a debugger");
                self.policy.excused(now, node);
                continue;
            }
            self.report(node, body, silent);
            return Some(finding);
        }
        None
    }

    fn report(&self, node: NodeId, Body { slot, pid }: Body, silent: Duration) {
        let known = Known(self.pulses.get(&node), pid);
        report::warn!(
            "node {node}, slot {slot}, pid {pid}: hung, no answer for {silent:.1?}{known}"
        );
    }
}

/// Nobody answers for a runtime that the program brings itself, or for a program that only
/// computes.
fn rules(settings: &Settings) -> Rules {
    let hang_timeout = settings.hang_timeout.filter(|_| settings.listen.is_some());
    Rules { hang_timeout, limits: settings.limits }
}

/// What can be known of a process that hangs.
struct Known<'a>(Option<&'a Pulse>, u32);

impl fmt::Display for Known<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Known(pulse, pid) = *self;
        if let Some(pulse) = pulse {
            write!(f, "; {} open connections", pulse.open)?;
            if let Some(cpu) = proc::cpu_time(pid) {
                write!(f, ", {:.1?} of CPU since", cpu.saturating_sub(pulse.cpu))?;
            }
        }
        for thread in proc::threads(pid).iter().filter(|thread| is_users(thread)).take(THREADS) {
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
        if let Some(place) = wait_channel {
            write!(f, " in {place}")?;
        }
        if !stack.is_empty() {
            write!(f, ", called by {}", stack.join(" < "))?;
        }
        Ok(())
    }
}

/// Whether it may be user code that a thread runs; ours name themselves.
fn is_users(thread: &Thread) -> bool {
    !thread.name.starts_with("multi-node:")
}

/// A line names so many threads.
const THREADS: usize = 8;
