use proptest::prelude::*;

use super::*;

const HANG: Duration = Duration::from_secs(60);
const BEAT: Duration = Duration::from_secs(15);
const WELL: Vitals = Vitals { accepted: 0, resident: 0 };
const NEVER: Pace = Pace { beat: None, report: None, report_at: None };
const MASTER: NodeId = NodeId(0);
const WORKER: NodeId = NodeId(1);
const OTHER: NodeId = NodeId(2);

/// A program in simulated time.
struct World {
    health: Health,
    /// Of who starts from now on.
    rules: Rules,
    now: Time,
}

impl World {
    fn new(rules: Rules) -> World {
        World { health: Health::new(7), rules, now: Time::ZERO }
    }

    fn watching() -> World {
        World::new(Rules { hang_timeout: Some(HANG), limits: Limits::default() })
    }

    fn limited(limits: Limits) -> World {
        World::new(Rules { hang_timeout: None, limits })
    }

    fn start(&mut self, node: NodeId) -> Pace {
        let pace = self.health.started(self.now, node, self.rules);
        self.health.ready(self.now, node);
        pace
    }

    fn beat(&mut self, node: NodeId) {
        self.health.beat(self.now, node, WELL);
    }

    /// Lets time pass as a supervision thread does that is awake: every timeout on time.
    fn pass(&mut self, time: Duration) -> Vec<(Time, Finding)> {
        let end = self.now + time;
        let mut found = self.found();
        while let Some(due) = self.health.poll_timeout().filter(|due| *due <= end) {
            assert!(due >= self.now, "due in the past: {due:?} at {:?}", self.now);
            self.now = due;
            self.health.handle_timeout(self.now);
            found.extend(self.found());
        }
        self.now = end;
        found
    }

    /// As `pass`, with a beat of each of `nodes` every quarter.
    fn pass_with(&mut self, time: Duration, nodes: &[NodeId]) -> Vec<(Time, Finding)> {
        let end = self.now + time;
        let mut found = Vec::new();
        while self.now < end {
            nodes.iter().for_each(|node| self.beat(*node));
            found.extend(self.pass(BEAT.min(end - self.now)));
        }
        found
    }

    /// Lets time pass while nobody looks: the thread is stopped, or the machine.
    fn suspend(&mut self, time: Duration) {
        self.now += time;
    }

    fn found(&mut self) -> Vec<(Time, Finding)> {
        std::iter::from_fn(|| self.health.poll()).map(|finding| (self.now, finding)).collect()
    }
}

fn hung(node: NodeId) -> Finding {
    Finding::Hung { node, silent: HANG + BEAT }
}

#[test]
fn a_node_beats_four_times_within_hang_timeout() {
    let pace = World::watching().start(WORKER);
    assert_eq!(pace, Pace { beat: Some(BEAT), ..NEVER });
}

#[test]
fn who_beats_in_time_is_never_hung() {
    let mut world = World::watching();
    world.start(WORKER);
    assert_eq!(world.pass_with(HANG * 100, &[WORKER]), []);
}

#[test]
fn who_falls_silent_is_hung_once_hang_timeout_is_over_since_its_next_beat_was_due() {
    let mut world = World::watching();
    world.start(WORKER);
    world.beat(WORKER);
    assert_eq!(world.pass(HANG + BEAT - Duration::from_millis(1)), []);
    assert_eq!(world.pass(HANG * 3), [(HANG + BEAT, hung(WORKER))], "it is said once");
    assert_eq!(world.health.poll_timeout(), None, "nobody is left to watch");
}

#[test]
fn who_falls_silent_among_others_is_found_as_soon() {
    let mut world = World::watching();
    world.start(WORKER);
    world.start(OTHER);
    world.beat(WORKER);
    let found = world.pass_with(HANG * 2, &[OTHER]);
    assert_eq!(found, [(HANG + BEAT, hung(WORKER))]);
}

#[test]
fn who_never_beat_is_not_watched() {
    let mut world = World::watching();
    world.start(WORKER);
    assert_eq!(world.health.poll_timeout(), None);
    assert_eq!(world.pass(HANG * 10), []);
}

#[test]
fn who_is_not_ready_yet_is_not_watched_and_tires_when_it_is() {
    let limits = Limits { connections: Some(10), ..Limits::default() };
    let mut world = World::new(Rules { hang_timeout: Some(HANG), limits });
    world.health.started(world.now, WORKER, world.rules);
    world.health.beat(world.now, WORKER, Vitals { accepted: 20, resident: 0 });
    assert_eq!(world.pass(HANG * 10), []);
    world.health.ready(world.now, WORKER);
    assert_eq!(world.found(), [(world.now, tired(Weariness::Connections))]);
    world.beat(WORKER);
    assert_eq!(world.pass(HANG * 10).len(), 1, "from now on it may hang");
}

#[test]
fn who_drains_is_not_watched_any_more_and_its_last_beats_change_nothing() {
    let mut world = World::watching();
    world.start(WORKER);
    world.beat(WORKER);
    world.health.draining(WORKER);
    world.beat(WORKER);
    assert_eq!(world.pass(HANG * 10), []);
}

#[test]
fn who_is_gone_is_forgotten() {
    let mut world = World::watching();
    world.start(WORKER);
    world.beat(WORKER);
    world.health.gone(WORKER);
    world.beat(WORKER);
    assert_eq!(world.pass(HANG * 10), []);
}

#[test]
fn the_masters_own_node_may_hang_and_recover() {
    let mut world = World::watching();
    world.health.adopted(world.now, MASTER, world.rules);
    world.beat(MASTER);
    assert_eq!(world.pass(HANG * 2), [(HANG + BEAT, hung(MASTER))]);
    world.beat(MASTER);
    assert_eq!(world.found(), [(world.now, Finding::Recovered { node: MASTER })]);
    world.beat(MASTER);
    assert_eq!(world.found(), [], "it is said once");
    assert_eq!(world.pass(HANG * 2).len(), 1, "it may hang again");
}

#[test]
fn who_is_held_by_a_debugger_is_asked_again_later() {
    let mut world = World::watching();
    world.start(WORKER);
    world.beat(WORKER);
    assert_eq!(world.pass(HANG + BEAT), [(HANG + BEAT, hung(WORKER))]);
    world.health.excused(world.now, WORKER);
    world.beat(WORKER);
    assert_eq!(world.found(), [], "it never hung");
    world.health.excused(world.now, WORKER);
    assert_eq!(world.pass(HANG + BEAT).len(), 1);
}

#[test]
fn a_suspended_supervision_blames_nobody() {
    for suspended in [BEAT * 3, HANG, HANG * 1000] {
        let mut world = World::watching();
        world.start(WORKER);
        world.start(OTHER);
        assert_eq!(world.pass_with(HANG, &[WORKER, OTHER]), []);
        world.suspend(suspended);
        // Whichever comes first: the timeout that is long due, or what queued meanwhile.
        world.health.handle_timeout(world.now);
        assert_eq!(world.found(), [], "{suspended:?}");
        assert_eq!(world.pass(BEAT), []);
        assert_eq!(world.pass_with(HANG * 2, &[OTHER]).len(), 1, "who hangs is found all the same");
    }
}

#[test]
fn a_supervision_that_is_a_little_late_still_finds_who_hangs() {
    let mut world = World::watching();
    world.start(WORKER);
    world.beat(WORKER);
    let mut found = Vec::new();
    while found.is_empty() && world.now < HANG * 2 {
        world.suspend(BEAT * 3 / 2);
        world.health.handle_timeout(world.now);
        found = world.found();
    }
    assert_eq!(found.len(), 1);
}

#[test]
fn a_suspended_supervision_does_not_make_anybody_younger() {
    let mut world = World::limited(Limits { lifetime: Some(HANG), ..Limits::default() });
    world.start(WORKER);
    world.suspend(HANG * 2);
    world.health.handle_timeout(world.now);
    assert_eq!(world.found(), [(world.now, tired(Weariness::Lifetime))]);
}

fn tired(why: Weariness) -> Finding {
    Finding::Tired { node: WORKER, why }
}

#[test]
fn each_worker_has_an_age_of_its_own_within_a_tenth() {
    let age = Duration::from_secs(3600);
    let mut world = World::limited(Limits { lifetime: Some(age), ..Limits::default() });
    for node in 1..=100 {
        world.start(NodeId(node));
    }
    let found = world.pass(age * 10);
    let mut times: Vec<Time> = found.iter().map(|(at, _)| *at).collect();
    assert_eq!(times.len(), 100, "each is said once");
    assert!(times.iter().all(|at| age * 9 / 10 <= *at && *at <= age * 11 / 10));
    times.dedup();
    assert!(times.len() > 50, "they are not all due together");
}

#[test]
fn a_worker_that_accepted_enough_is_tired_once() {
    let mut world = World::limited(Limits { connections: Some(1000), ..Limits::default() });
    let pace = world.start(WORKER);
    let most = pace.report_at.expect("it is to say when");
    assert!((900..=1100).contains(&most));
    assert_eq!(pace, Pace { report_at: Some(most), ..NEVER }, "nothing else is to be known");
    for accepted in [most - 1, most, most + 1] {
        world.health.reported(world.now, WORKER, Vitals { accepted, resident: 0 });
    }
    assert_eq!(world.found(), [(Time::ZERO, tired(Weariness::Connections))]);
}

#[test]
fn a_worker_that_grew_too_large_is_tired_once() {
    let mut world = World::limited(Limits { memory: Some(1 << 30), ..Limits::default() });
    let pace = world.start(WORKER);
    assert_eq!(pace, Pace { report: Some(Duration::from_secs(15)), ..NEVER });
    world.pass(MATURE);
    for resident in [(1 << 30) / 10 * 8, 2 << 30, 3 << 30] {
        world.health.reported(world.now, WORKER, Vitals { accepted: 0, resident });
    }
    assert_eq!(world.found(), [(MATURE, tired(Weariness::Memory))]);
    assert_eq!(world.pass(HANG * 10), [], "hanging is off");
}

#[test]
fn a_limit_below_what_every_worker_needs_does_not_make_them_spin() {
    let mut world = World::limited(Limits { memory: Some(1), ..Limits::default() });
    world.start(WORKER);
    let large = Vitals { accepted: 0, resident: 2 };
    world.health.reported(world.now, WORKER, large);
    assert_eq!(world.pass(MATURE - Duration::from_millis(1)), []);
    world.health.reported(world.now, WORKER, large);
    assert_eq!(world.pass(Duration::from_millis(1)), []);
    world.health.reported(world.now, WORKER, large);
    assert_eq!(world.found(), [(MATURE, tired(Weariness::Memory))]);
}

#[test]
fn memory_is_looked_at_often_however_long_hang_timeout_is() {
    let limits = Limits { memory: Some(1), ..Limits::default() };
    let day = Duration::from_secs(86_400);
    let mut world = World::new(Rules { hang_timeout: Some(day), limits });
    let beat = Some(day / 4);
    let report = Some(Duration::from_secs(15));
    assert_eq!(world.start(WORKER), Pace { beat, report, report_at: None });
}

#[test]
fn who_only_reports_is_not_watched_and_yet_held_to_its_limits() {
    let limits = Limits { connections: Some(1), ..Limits::default() };
    let mut world = World::new(Rules { hang_timeout: Some(HANG), limits });
    world.start(WORKER);
    world.health.reported(world.now, WORKER, Vitals { accepted: 2, resident: 0 });
    assert_eq!(world.pass(HANG * 10), [(Time::ZERO, tired(Weariness::Connections))]);
}

#[test]
fn no_limit_holds_for_the_masters_own_node_nor_for_who_leaves() {
    let limits = Limits { lifetime: Some(HANG), connections: Some(1), memory: Some(1) };
    let mut world = World::limited(limits);
    let vitals = Vitals { accepted: 9, resident: 9 };
    assert_eq!(world.health.adopted(world.now, MASTER, world.rules), NEVER);
    world.start(WORKER);
    world.health.draining(WORKER);
    for node in [MASTER, WORKER] {
        world.health.beat(world.now, node, vitals);
    }
    assert_eq!(world.pass(HANG * 2), []);
}

#[test]
fn off_is_off() {
    let mut world = World::limited(Limits::default());
    assert_eq!(world.start(WORKER), NEVER);
    world.beat(WORKER);
    assert_eq!(world.health.poll_timeout(), None);
    assert_eq!(world.pass(HANG * 10), []);
}

#[test]
fn new_rules_hold_for_who_starts_after_them() {
    let mut world = World::watching();
    world.start(WORKER);
    world.beat(WORKER);
    world.rules.hang_timeout = None;
    world.start(OTHER);
    world.beat(OTHER);
    assert_eq!(world.pass(HANG * 2), [(HANG + BEAT, hung(WORKER))]);
}

proptest! {
    /// However often everything is suspended and for how long, who beats whenever it runs is
    /// never hung; and nothing is due before now, so that no timeout can spin.
    #[test]
    fn nobody_who_beats_when_it_runs_is_blamed(
        steps in prop::collection::vec((any::<bool>(), 0u64..200_000), 1..50)
    ) {
        let mut world = World::watching();
        world.start(WORKER);
        world.start(OTHER);
        for (suspended, milliseconds) in steps {
            let time = Duration::from_millis(milliseconds);
            if suspended {
                world.suspend(time);
                // Supervision may be the first to go on.
                world.health.handle_timeout(world.now);
                prop_assert_eq!(world.found(), []);
                world.beat(WORKER);
                world.beat(OTHER);
            } else {
                prop_assert_eq!(world.pass_with(time, &[WORKER, OTHER]), []);
            }
        }
    }
}

#[test]
fn what_is_known_survives_the_masters_replacement() {
    let limits = Limits { lifetime: Some(HANG * 10), ..Limits::default() };
    let mut world = World::new(Rules { hang_timeout: Some(HANG), limits });
    world.start(WORKER);
    world.start(OTHER);
    world.beat(WORKER);
    world.pass(BEAT);
    world.beat(OTHER);
    let state = bincode::serialize(&world.health).unwrap();
    let mut resumed =
        World { health: bincode::deserialize(&state).unwrap(), now: world.now + BEAT / 2, ..world };
    let found = resumed.pass(HANG * 20);
    assert_eq!(found[0], (HANG + BEAT, hung(WORKER)));
    assert_eq!(found[1].1, hung(OTHER));
    assert_eq!(found, world.pass(HANG * 20 + BEAT / 2), "as if nothing had been replaced");
}
