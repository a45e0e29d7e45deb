//! What supervision hears: signals, what nodes say, what they find, and how they end.

use std::os::fd::OwnedFd;

use super::Thread;
use super::begin::rules;
use crate::config::{Generation, NodeId, Settings};
use crate::link::control::{Ended, ToMaster};
use crate::master::watch::Happening;
use crate::policy::health::Finding;
use crate::policy::supervisor::{Event, Rules};
use crate::policy::wish::{Surroundings, Wish, wish};
use crate::report;
use crate::signal::Arrived;
use crate::sys::{process, terminal};

impl Thread {
    pub(super) fn take_signals(&mut self) {
        while let Ok(arrived) = self.signals.ready.try_io(|| self.signals.signals.next()) {
            self.arrived(arrived);
        }
    }

    fn arrived(&mut self, arrived: Arrived) {
        let around = Surroundings {
            beginning: self.signals.signals.beginning(),
            pid: process::pid(),
            leader: terminal::session_leader(),
            terminal: !terminal::is_gone(),
        };
        let wish = wish(arrived, &around);
        report::info!("{arrived}: {}", wish.map_or("ignored", Wish::in_words));
        let event = match wish {
            Some(Wish::Reload) => Event::Reload,
            Some(Wish::Stop) => Event::Stop,
            Some(Wish::Grow) => Event::Grow,
            Some(Wish::Shrink) => Event::Shrink,
            None => return,
        };
        self.policy.handle_event(self.now(), event);
    }

    pub(super) fn happened(&mut self, happening: Happening) {
        let now = self.now();
        match happening {
            Happening::Said(node, message, fds) => self.said(node, message, fds),
            Happening::Exited(node) => {
                self.mesh.left(node);
                self.clinic.gone(node);
                self.shares.left(node, &self.family);
                let status = self.family.bury(node);
                self.policy.handle_event(now, Event::Exited { node, status });
                self.family.forget_generations(|generation| self.policy.needs(generation));
            }
            Happening::Rehearsed(generation, result) => self.rehearsed(generation, result),
        }
    }

    fn rehearsed(&mut self, generation: Generation, result: Result<Box<Settings>, String>) {
        // One that comes too late is not the one that runs now.
        if self.policy.is_rehearsing(generation) {
            self.family.rehearsal_is_over();
            let event = match result.and_then(|settings| self.prepare(generation, *settings)) {
                Ok((rules, drops)) => Event::Rehearsed { generation, rules, drops },
                Err(reason) => Event::RehearsalFailed { generation, reason },
            };
            self.policy.handle_event(self.now(), event);
        }
        // The image of one that failed, or comes too late, stays pinned otherwise.
        self.family.forget_generations(|generation| self.policy.needs(generation));
    }

    /// The rules of a generation that can start, and whether it drops what is listened on now.
    fn prepare(
        &mut self,
        generation: Generation,
        settings: Settings,
    ) -> Result<(Rules, bool), String> {
        let rules = rules(&settings);
        let prepared = self.family.prepare(generation, settings);
        prepared.map(|drops| (rules, drops)).map_err(|error| error.to_string())
    }

    fn said(&mut self, node: NodeId, message: ToMaster, fds: Vec<OwnedFd>) {
        let now = self.now();
        match message {
            ToMaster::Ready => {
                self.family.ready(node);
                self.clinic.ready(now, node);
                self.policy.handle_event(now, Event::Ready { node });
            }
            ToMaster::Draining => {
                self.family.draining(node);
                self.mesh.draining(node);
                self.clinic.draining(node);
                self.policy.handle_event(now, Event::Draining { node });
            }
            ToMaster::Want(kind) => self.mesh.wants(node, kind),
            ToMaster::Borrow { listener, slot } => self.family.lend(node, listener, slot),
            ToMaster::Share { name } => self.shares.asked(node, name, &mut self.family),
            ToMaster::Made { name } => self.shares.made(node, name, fds, &mut self.family),
            ToMaster::NotMade { name } => self.shares.failed(node, name, &self.family),
            ToMaster::Received { weight } => self.family.received(node, weight),
            ToMaster::Beat(pulse) => self.clinic.beat(now, node, pulse),
            ToMaster::Report(pulse) => self.clinic.reported(now, node, pulse),
            ToMaster::WantEvents if node == self.policy.master() => self.announcer.wants(node),
            ToMaster::Ended(ended) if node == self.policy.master() => {
                self.clinic.gone(node);
                self.shares.left(node, &self.family);
                let ok = ended == Ended::Ok;
                self.family.own_node_ended(node, ended);
                self.policy.handle_event(now, Event::MasterEnded { ok });
            }
            // Events are the master's; a worker's end is its exit; a rehearsal is no node.
            ToMaster::WantEvents | ToMaster::Ended(_) | ToMaster::Rehearsed(_) => {}
        }
    }

    /// Tells policy which nodes hang and which have done enough.
    pub(super) fn look_after_nodes(&mut self) {
        let now = self.now();
        while let Some(finding) = self.clinic.poll(now, |node| self.family.body(node)) {
            let event = match finding {
                Finding::Hung { node, .. } => Event::Hung { node },
                Finding::Recovered { node } => Event::Recovered { node },
                Finding::Tired { node, why } => Event::Tired { node, why },
            };
            self.policy.handle_event(now, event);
        }
    }
}
