//! What policy decided, done.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::Thread;
use crate::config::{Generation, NodeId, Slot};
use crate::link::control::ToNode;
use crate::master::crossing::Leaving;
use crate::master::takeover::{SignalsState, State};
use crate::master::{announce, notice};
use crate::policy::supervisor::{Action, Event, Finish, Notice};

impl Thread {
    /// Does what policy decided, until there is nothing more to do or the program is over.
    pub(super) async fn act(&mut self) -> Option<Finish> {
        let mut replacement = None;
        loop {
            if let Some(finish) = self.do_all(&mut replacement).await {
                return Some(finish);
            }
            let generation = replacement?;
            // What is not yet taken off the nodes' sockets crosses; what is would be lost.
            match self.happenings.try_recv() {
                Ok(happening) => self.happened(happening),
                Err(_) => {
                    replacement = None;
                    self.replace(generation);
                }
            }
        }
    }

    async fn do_all(&mut self, replacement: &mut Option<Generation>) -> Option<Finish> {
        while let Some(action) = self.policy.poll_action() {
            match action {
                Action::Spawn { node, slot, generation } => {
                    self.spawn(node, slot, generation);
                    // Who is there already does not wait until all have been started.
                    self.hear_all().await;
                }
                Action::Rehearse { generation } => self.rehearse(generation),
                Action::EndRehearsal => self.family.end_rehearsal(),
                Action::Switch { generation } => self.family.switch(generation),
                Action::Discard { generation } => self.family.discard(generation),
                Action::Replace { generation, .. } => *replacement = Some(generation),
                Action::Leaving => self.family.tell_all(&ToNode::Leaving),
                Action::Count { nodes } => self.family.count(nodes),
                Action::Refuse => self.family.refuse(),
                Action::Close => self.family.close(),
                Action::CloseDropped { generation } => self.family.close_all_but(generation),
                Action::Drain { node } => {
                    self.clinic.draining(node);
                    self.family.drain(node);
                }
                Action::Abort { node } => self.family.abort(node),
                Action::Kill { node } => self.family.kill(node),
                Action::Notice(notice) => self.noticed(&notice),
                Action::Finish(finish) => {
                    self.family.remove_files();
                    return Some(finish);
                }
            }
        }
        None
    }

    fn spawn(&mut self, node: NodeId, slot: Slot, generation: Generation) {
        let settings = self.family.settings_of(generation);
        let pace = self.clinic.started(self.now(), node, settings);
        let event = match self.family.spawn(node, slot, generation, pace) {
            Ok(pid) => {
                self.mesh.joined(node);
                Event::Spawned { node, pid }
            }
            Err(error) => {
                self.clinic.gone(node);
                Event::SpawnFailed { node, reason: error.to_string() }
            }
        };
        self.policy.handle_event(self.now(), event);
    }

    fn rehearse(&mut self, generation: Generation) {
        let state = self.state().map(|(state, _)| state);
        let begun = state.and_then(|state| self.family.rehearse(generation, state));
        if let Err(error) = begun {
            let reason = error.to_string();
            self.policy.handle_event(self.now(), Event::RehearsalFailed { generation, reason });
            self.family.forget_generations(|generation| self.policy.needs(generation));
        }
    }

    /// Gives way to the new program. Returns only when that failed.
    fn replace(&mut self, generation: Generation) {
        self.manager.finish();
        self.family.tell_members();
        let replaced = self.state().map(|(state, crossing)| {
            self.family.replace(generation, state.as_fd(), crossing.fds())
        });
        let reason = replaced.unwrap_or_else(|error| error).to_string();
        self.policy.handle_event(self.now(), Event::ReplaceFailed { reason });
    }

    /// All that is known, sealed, and the fds that it names.
    fn state(&self) -> io::Result<(OwnedFd, Leaving<'_>)> {
        let mut fds = Leaving::default();
        let (mut mesh, mut clinic) = (self.mesh.clone(), self.clinic.clone());
        mesh.left(self.policy.master());
        clinic.gone(self.policy.master());
        let elapsed = self.now();
        let signals = &self.signals.signals;
        let state = State {
            elapsed,
            policy: self.policy.snapshot(elapsed),
            clinic,
            mesh,
            roster: self.announcer.roster().clone(),
            family: self.family.save(&mut fds),
            shares: self.shares.save(&mut fds),
            signals: SignalsState {
                pipe: signals.ends().map(|end| fds.add(end)),
                beginning: signals.beginning(),
            },
            pid_file: self.pid_file.save(&mut fds),
            fds: fds.numbers(),
        };
        Ok((state.seal()?, fds))
    }

    fn noticed(&mut self, notice: &Notice) {
        let settings = self.family.settings();
        notice::say(notice, settings);
        if let Some(event) = announce::event(notice, settings.start_timeout) {
            self.manager.heard(&event);
            self.announcer.announce(event);
        }
        if let Notice::ReloadFailed { .. } = notice {
            self.family.forget_generations(|generation| self.policy.needs(generation));
        }
    }
}
