//! A world around the supervisor: processes that do as they like, and the rules that must hold
//! whatever they do.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// One thing that happens. An index picks among those it can happen to, and wraps around.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A spawn under way succeeds.
    SpawnSucceeds(usize),
    SpawnFails(usize),
    SaysReady(usize),
    SaysDraining(usize),
    Exits(usize, i32),
    /// A process that was told to go does so.
    Obeys(usize),
    MainEnds {
        ok: bool,
    },
    Stop,
    Reload,
    /// Events about a node that is gone, or the master's own.
    Noise(u64),
    /// Time passes, every timeout handled when it is due.
    Wait(Duration),
    /// Time passes, and the timeouts are handled late.
    Oversleep(Duration),
    /// Time passes, and the next event comes before the timeouts.
    Lag(Duration),
}

#[derive(Debug)]
struct Process {
    slot: Slot,
    generation: Generation,
    spawned: bool,
    told: Option<Told>,
    says_it_drains: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    ToDrain,
    ToDie,
}

impl Process {
    fn is_leaving(&self) -> bool {
        self.told.is_some() || self.says_it_drains
    }
}

pub(super) struct World {
    pub(super) supervisor: Supervisor,
    pub(super) now: Time,
    processes: BTreeMap<NodeId, Process>,
    main_runs: bool,
    main_was_told: bool,
    newest: NodeId,
    failed: BTreeSet<Generation>,
    /// When the log promised a respawn.
    promised: BTreeMap<Slot, Time>,
    pub(super) finished: bool,
    pub(super) log: Vec<String>,
}

impl World {
    pub(super) fn new(rules: Rules) -> Self {
        let mut world = World {
            supervisor: Supervisor::new(rules, 1),
            now: secs(5),
            processes: BTreeMap::new(),
            main_runs: true,
            main_was_told: false,
            newest: NodeId::MASTER,
            failed: BTreeSet::new(),
            promised: BTreeMap::new(),
            finished: false,
            log: Vec::new(),
        };
        world.tell(Event::Begin);
        world
    }

    pub(super) fn take(&mut self, step: Step) {
        match step {
            Step::SpawnSucceeds(index) => {
                if let Some(node) = self.pick(index, |p| !p.spawned) {
                    self.spawn_succeeds(node);
                }
            }
            Step::SpawnFails(index) => {
                if let Some(node) = self.pick(index, |p| !p.spawned) {
                    let reason = "no memory".to_owned();
                    self.processes.remove(&node);
                    self.tell(Event::SpawnFailed { node, reason });
                }
            }
            Step::SaysReady(index) => {
                if let Some(node) = self.pick(index, |p| p.spawned) {
                    self.tell(Event::Ready { node });
                }
            }
            Step::SaysDraining(index) => {
                if let Some(node) = self.pick(index, |p| p.spawned) {
                    self.process(node).says_it_drains = true;
                    self.tell(Event::Draining { node });
                }
            }
            Step::Exits(index, code) => {
                if let Some(node) = self.pick(index, |p| p.spawned) {
                    self.exits(node, ExitStatus::Code(code));
                }
            }
            Step::Obeys(index) => {
                if let Some(node) = self.pick(index, Process::is_leaving) {
                    self.obeys(node);
                }
            }
            Step::MainEnds { ok } => {
                self.main_runs = false;
                self.tell(Event::MasterEnded { ok });
            }
            Step::Stop => self.tell(Event::Stop),
            Step::Reload => self.tell(Event::Reload),
            Step::Noise(index) => self.noise(NodeId(index % (self.newest.0 + 1))),
            Step::Wait(time) => self.wait(time),
            Step::Oversleep(time) => {
                self.now += time;
                self.time_out();
            }
            Step::Lag(time) => self.now += time,
        }
    }

    fn pick(&self, index: usize, can: impl Fn(&Process) -> bool) -> Option<NodeId> {
        let able: Vec<NodeId> = self
            .processes
            .iter()
            .filter(|(_, process)| can(process))
            .map(|(&node, _)| node)
            .collect();
        (!able.is_empty()).then(|| able[index % able.len()])
    }

    fn process(&mut self, node: NodeId) -> &mut Process {
        self.processes.get_mut(&node).expect("a process is there")
    }

    fn spawn_succeeds(&mut self, node: NodeId) {
        self.process(node).spawned = true;
        let pid = pid_of(node);
        self.tell(Event::Spawned { node, pid });
    }

    fn exits(&mut self, node: NodeId, status: ExitStatus) {
        self.processes.remove(&node);
        self.tell(Event::Exited { node, status });
    }

    fn obeys(&mut self, node: NodeId) {
        match self.process(node).told {
            Some(Told::ToDie) => self.exits(node, KILLED),
            Some(Told::ToDrain) | None => self.exits(node, ExitStatus::Code(0)),
        }
    }

    fn noise(&mut self, node: NodeId) {
        if self.processes.contains_key(&node) {
            return;
        }
        let status = ExitStatus::Unknown;
        let before = self.log.len();
        self.tell(Event::Spawned { node, pid: 7 });
        self.tell(Event::Ready { node });
        self.tell(Event::Draining { node });
        self.tell(Event::Exited { node, status });
        // A respawn may be due, for whatever reason the supervisor is called.
        assert!(self.log[before..].iter().all(|l| l.starts_with("spawn ")));
    }

    pub(super) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.supervisor.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.time_out();
        }
        self.now = self.now.max(end);
    }

    fn time_out(&mut self) {
        self.supervisor.handle_timeout(self.now);
        self.act();
        let due = self.supervisor.poll_timeout();
        assert!(due.is_none_or(|due| due > self.now), "it would spin");
        for (slot, due) in &self.promised {
            assert!(*due > self.now, "the promised respawn of {slot} is late");
        }
    }

    fn tell(&mut self, event: Event) {
        self.supervisor.handle_event(self.now, event);
        self.act();
    }

    /// Does what the supervisor says; spawns stay under way until a step answers them.
    fn act(&mut self) {
        while let Some(action) = self.supervisor.poll_action() {
            assert!(!self.finished, "{action:?} after the finish");
            self.log.push(line(&action));
            match action {
                Action::Spawn { node, slot, generation } => self.spawn(node, slot, generation),
                // Once each, the first before any drain of a stop, the second after.
                Action::Refuse | Action::Close => assert!(self.supervisor.is_stopping()),
                Action::Drain { node } => self.drain(node),
                Action::Kill { node } => {
                    let process = self.process(node);
                    assert!(process.spawned && process.told != Some(Told::ToDie));
                    process.told = Some(Told::ToDie);
                }
                Action::Notice(notice) => self.note(notice),
                Action::Finish(_) => self.finish(),
            }
        }
        self.check();
    }

    fn spawn(&mut self, node: NodeId, slot: Slot, generation: Generation) {
        assert!(!self.supervisor.is_stopping(), "a spawn in a stop");
        assert!(node > self.newest, "a node is used again");
        assert!(self.supervisor.rules.workers.contains(&slot));
        assert!(!self.failed.contains(&generation), "it failed before");
        if generation == self.supervisor.generation()
            && let Some(due) = self.promised.remove(&slot)
        {
            assert!(self.now >= due, "sooner than promised");
        }
        self.newest = node;
        let process =
            Process { slot, generation, spawned: false, told: None, says_it_drains: false };
        self.processes.insert(node, process);
    }

    fn drain(&mut self, node: NodeId) {
        if node == NodeId::MASTER {
            assert!(self.main_runs && !self.main_was_told);
            self.main_was_told = true;
            return;
        }
        let process = self.process(node);
        assert!(process.spawned && !process.is_leaving());
        process.told = Some(Told::ToDrain);
    }

    fn note(&mut self, notice: Notice) {
        match notice {
            Notice::Died { who, next, .. } | Notice::Drains { who, next } => match next {
                Next::Respawn { after } => {
                    let in_bounds = millis(90) <= after && after <= secs(11);
                    assert!(after.is_zero() || in_bounds, "{after:?}");
                    self.promised.insert(who.slot, self.now + after);
                }
                Next::Waits
                | Next::Replaced
                | Next::RestartOff
                | Next::Stopping
                | Next::GivingUp
                | Next::FailsReload => {}
            },
            Notice::NotReaped { who } => {
                let process = self.processes.remove(&who.node);
                assert_eq!(process.and_then(|p| p.told), Some(Told::ToDie));
            }
            Notice::Reloaded { .. } => self.promised.clear(),
            Notice::ReloadFailed { generation, .. } => {
                assert!(self.failed.insert(generation));
            }
            Notice::MasterCutOff =>
            // A second signal cuts off even who was not told yet.
            {
                assert!(self.main_runs)
            }
            Notice::Finished { .. }
            | Notice::Left { .. }
            | Notice::DrainOverrun { .. }
            | Notice::Spawned { .. }
            | Notice::BecameReady { .. }
            | Notice::Stopping { .. }
            | Notice::Reloading { .. } => {}
        }
    }

    fn finish(&mut self) {
        assert!(self.processes.is_empty(), "{:?}", self.processes);
        self.finished = true;
    }

    /// What must hold at every moment.
    fn check(&mut self) {
        if self.supervisor.is_stopping() {
            self.promised.clear();
        }
        let supervisor = &self.supervisor;
        let mut places = BTreeSet::new();
        for (&node, process) in &self.processes {
            // What was told to go but not yet spawned is known to the supervisor alone.
            let stage = supervisor.workers.get(&node).map(Worker::stage);
            match stage.expect("every process is supervised") {
                Stage::Starting | Stage::Ready => {}
                Stage::Draining | Stage::Killed => continue,
            }
            assert!(!process.is_leaving(), "{node} was told to go, or goes");
            let counted_on = supervisor.slots[&process.slot].occupant() == Some(node);
            let extra = match &supervisor.phase {
                Phase::Reloading(reload) => reload.contains(process.slot, node),
                Phase::FirstStart { .. } | Phase::Running => false,
                Phase::Stopping(_) if self.supervisor.last_call_deadline().is_some() => continue,
                Phase::Stopping(_) | Phase::Finished => panic!("{node} was not told to go"),
            };
            assert!(counted_on != extra, "nobody counts on {node}");
            assert!(places.insert((process.slot, process.generation)));
        }
        assert_eq!(supervisor.workers.len(), self.processes.len());
        for (slot, state) in supervisor.slots.clone() {
            self.check_slot(slot, state);
        }
    }

    fn check_slot(&mut self, slot: Slot, state: SlotState) {
        let supervisor = &self.supervisor;
        match state {
            SlotState::Occupied { node, .. } => {
                let process = &self.processes[&node];
                assert_eq!(process.generation, supervisor.generation());
                assert!(!process.is_leaving());
            }
            SlotState::Backoff { .. } => {
                assert!(supervisor.rules.restart_children);
                assert!(matches!(supervisor.phase, Phase::Running | Phase::Reloading(_)));
            }
            SlotState::Held { .. } => {
                assert!(matches!(supervisor.phase, Phase::FirstStart { .. }));
            }
            SlotState::Covered { .. } => {
                assert!(supervisor.has_ready_successor(slot));
                self.promised.remove(&slot);
            }
            SlotState::Ended => {
                assert!(supervisor.is_stopping() || supervisor.rules.outlives_main());
            }
        }
    }

    /// Stops the program, in which nobody obeys but the kernel, and says how long its end took.
    pub(super) fn stop_the_stubborn(&mut self) -> Duration {
        let began = self.now;
        self.tell(Event::Stop);
        while !self.finished {
            while let Some(node) = self.pick(0, |p| !p.spawned) {
                self.spawn_succeeds(node);
            }
            while let Some(node) = self.pick(0, |p| p.told == Some(Told::ToDie)) {
                self.obeys(node);
            }
            if !self.finished {
                let due = self.supervisor.poll_timeout().expect("or it never ends");
                self.wait(due.saturating_sub(self.now));
            }
        }
        self.now - began
    }

    /// Lets everybody do what is expected of them for so long.
    pub(super) fn behave(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            while let Some(node) = self.pick(0, |p| !p.spawned) {
                self.spawn_succeeds(node);
                self.tell(Event::Ready { node });
            }
            let starting = self.supervisor.workers().filter_map(|(who, stage)| {
                (stage == Stage::Starting && who.pid.is_some()).then_some(who.node)
            });
            for node in starting.collect::<Vec<_>>() {
                self.tell(Event::Ready { node });
            }
            while let Some(node) = self.pick(0, |p| p.spawned && p.is_leaving()) {
                self.obeys(node);
            }
            self.wait(millis(500));
        }
    }
}
