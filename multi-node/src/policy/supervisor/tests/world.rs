//! A world around the supervisor: processes that do as they like, and an operator too.
//!
//! What must hold whatever they do is in [`check`].

mod check;

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// One thing that happens. An index picks among those it can happen to, and wraps around.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A spawn under way succeeds.
    SpawnSucceeds(usize),
    SpawnFails(usize),
    /// One that starts gets ready.
    GetsReady(usize),
    /// Whatever it did before.
    SaysReady(usize),
    SaysDraining(usize),
    Exits(usize, i32),
    /// A process that was told to go does so.
    Obeys(usize),
    Hangs(usize),
    Tires(usize),
    MasterReady,
    MasterHangs,
    MasterRecovers,
    MainEnds {
        ok: bool,
    },
    /// A `main` that was told to drain returns.
    MainObeys,
    Stop,
    Reload,
    /// The new version is rehearsed; these are its options.
    Rehearses(Rules, bool),
    RehearsalFails,
    /// Whether the process can be replaced from now on.
    CanReplace(bool),
    Grow,
    Shrink,
    /// Events about a node that is gone.
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
    /// It serves, or has served.
    ready: bool,
    told: Option<Told>,
    says_it_drains: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Drain,
    Abort,
    Die,
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
    master: NodeId,
    main_runs: bool,
    main_was_told: bool,
    newest: NodeId,
    rehearsal: Option<Generation>,
    /// Those that may be started.
    rehearsed: BTreeSet<Generation>,
    failed: BTreeSet<Generation>,
    /// A reload that has not come to its end.
    reload: Option<Generation>,
    can_replace: bool,
    /// Nodes that are to serve, as was announced last.
    count: u16,
    /// When the log promised a respawn.
    promised: BTreeMap<Slot, Time>,
    pub(super) finished: bool,
    pub(super) log: Vec<String>,
}

impl World {
    pub(super) fn new(rules: Rules) -> Self {
        let count = rules.nodes;
        let mut world = World {
            supervisor: Supervisor::new(rules, 1),
            now: secs(5),
            processes: BTreeMap::new(),
            master: NodeId::MASTER,
            main_runs: true,
            main_was_told: false,
            newest: NodeId::MASTER,
            rehearsal: None,
            rehearsed: BTreeSet::from([0]),
            failed: BTreeSet::new(),
            reload: None,
            can_replace: true,
            count,
            promised: BTreeMap::new(),
            finished: false,
            log: Vec::new(),
        };
        world.tell(Event::Begin);
        world
    }

    pub(super) fn take(&mut self, step: Step) {
        match step {
            Step::SpawnSucceeds(index) => self.when(index, |p| !p.spawned, World::spawn_succeeds),
            Step::SpawnFails(index) => self.when(index, |p| !p.spawned, World::spawn_fails),
            Step::GetsReady(index) => {
                self.when(index, |p| p.spawned && !p.ready, World::says_ready);
            }
            Step::SaysReady(index) => self.when(index, |p| p.spawned, World::says_ready),
            Step::SaysDraining(index) => self.when(
                index,
                |p| p.spawned,
                |world, node| {
                    world.process(node).says_it_drains = true;
                    world.tell(Event::Draining { node });
                },
            ),
            Step::Exits(index, code) => self.when(
                index,
                |p| p.spawned,
                |world, node| {
                    world.exits(node, ExitStatus::Code(code));
                },
            ),
            Step::Obeys(index) => self.when(index, Process::is_leaving, World::obeys),
            Step::Hangs(index) => self.when(
                index,
                |p| p.spawned,
                |world, node| {
                    world.tell(Event::Hung { node });
                },
            ),
            Step::Tires(index) => self.when(
                index,
                |p| p.spawned,
                |world, node| {
                    world.tell(Event::Tired { node, why: Weariness::Lifetime });
                },
            ),
            Step::MasterReady => self.tell(Event::Ready { node: self.master }),
            Step::MasterHangs => self.tell(Event::Hung { node: self.master }),
            Step::MasterRecovers => self.tell(Event::Recovered { node: self.master }),
            Step::MainEnds { ok } => self.main_ends(ok),
            Step::MainObeys => {
                if self.main_was_told {
                    self.main_ends(true);
                }
            }
            Step::Stop => self.tell(Event::Stop),
            Step::Reload => self.tell(Event::Reload),
            Step::Rehearses(rules, drops) => self.rehearses(rules, drops),
            Step::RehearsalFails => {
                if let Some(generation) = self.rehearsal.take() {
                    let reason = "it panicked".to_owned();
                    self.tell(Event::RehearsalFailed { generation, reason });
                }
            }
            Step::CanReplace(can) => self.can_replace = can,
            Step::Grow => self.tell(Event::Grow),
            Step::Shrink => self.tell(Event::Shrink),
            Step::Noise(index) => self.noise(NodeId(index % (self.newest.0 + 1))),
            Step::Wait(time) => self.wait(time),
            Step::Oversleep(time) => {
                self.now += time;
                self.time_out();
            }
            Step::Lag(time) => self.now += time,
        }
    }

    /// Does `what` to one of the processes to which it can happen.
    fn when(
        &mut self,
        index: usize,
        can: impl Fn(&Process) -> bool,
        what: impl FnOnce(&mut World, NodeId),
    ) {
        if let Some(node) = self.pick(index, can) {
            what(self, node);
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

    fn spawn_fails(&mut self, node: NodeId) {
        let reason = "no memory".to_owned();
        self.processes.remove(&node);
        self.tell(Event::SpawnFailed { node, reason });
    }

    fn says_ready(&mut self, node: NodeId) {
        self.tell(Event::Ready { node });
    }

    fn exits(&mut self, node: NodeId, status: ExitStatus) {
        self.processes.remove(&node);
        self.tell(Event::Exited { node, status });
    }

    fn obeys(&mut self, node: NodeId) {
        match self.process(node).told {
            Some(Told::Die) => self.exits(node, KILLED),
            Some(Told::Abort) => self.exits(node, ExitStatus::Signal { signal: 6, core: true }),
            Some(Told::Drain) | None => self.exits(node, ExitStatus::Code(0)),
        }
    }

    fn main_ends(&mut self, ok: bool) {
        self.main_runs = false;
        self.tell(Event::MasterEnded { ok });
    }

    fn rehearses(&mut self, rules: Rules, drops: bool) {
        if let Some(generation) = self.rehearsal.take() {
            self.rehearsed.insert(generation);
            self.tell(Event::Rehearsed { generation, rules, drops });
        }
    }

    fn noise(&mut self, node: NodeId) {
        let due = self.supervisor.poll_timeout().is_some_and(|due| due <= self.now);
        if due || node == self.master || self.processes.contains_key(&node) {
            return;
        }
        let status = ExitStatus::Unknown;
        let before = self.log.len();
        self.tell(Event::Spawned { node, pid: 7 });
        self.tell(Event::Ready { node });
        self.tell(Event::Draining { node });
        self.tell(Event::Hung { node });
        self.tell(Event::Tired { node, why: Weariness::Memory });
        self.tell(Event::Recovered { node });
        self.tell(Event::Exited { node, status });
        self.tell(Event::Rehearsed { generation: 0, rules: rules(3), drops: false });
        self.tell(Event::ReplaceFailed { reason: "it was not asked for".to_owned() });
        assert_eq!(self.log[before..], NOTHING);
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

    /// The process goes on as the next one, or says that it cannot.
    fn replace(&mut self, node: NodeId) {
        if !self.can_replace {
            return self.tell(Event::ReplaceFailed { reason: "no memory".to_owned() });
        }
        let snapshot = bincode::serialize(&self.supervisor.snapshot(self.now));
        let snapshot = bincode::deserialize(&snapshot.expect("it encodes"));
        let next = Supervisor::resume(snapshot.expect("it decodes"), 2);
        self.check_successor(&next);
        self.supervisor = next;
        self.master = node;
        self.main_runs = self.supervisor.runs_main();
        self.main_was_told = false;
        self.tell(Event::Begin);
    }

    /// Stops the program, in which nobody obeys but the kernel, and says how long its end took.
    pub(super) fn stop_the_stubborn(&mut self) -> Duration {
        let began = self.now;
        self.tell(Event::Stop);
        while !self.finished {
            while let Some(node) = self.pick(0, |p| !p.spawned) {
                self.spawn_succeeds(node);
            }
            while let Some(node) = self.pick(0, |p| p.told == Some(Told::Die)) {
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
            self.take(Step::MasterReady);
            self.take(Step::MasterRecovers);
            self.take(Step::Rehearses(self.supervisor.rules.clone(), true));
            while let Some(node) = self.pick(0, |p| !p.spawned) {
                self.spawn_succeeds(node);
            }
            for index in 0..self.processes.len() {
                self.take(Step::SaysReady(index));
            }
            while let Some(node) = self.pick(0, |p| p.spawned && p.is_leaving()) {
                self.obeys(node);
            }
            self.take(Step::MainObeys);
            self.wait(millis(500));
        }
    }
}
