//! Whatever happens, in whatever order: the rules of [`World`] hold.

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use super::world::{Step, World};
use super::*;

/// The longest of the delays in [`any_rules`].
const LONGEST_DELAY: Duration = secs(3);

/// Those that a new version may change, and nothing else.
fn any_rules() -> impl Strategy<Value = Rules> {
    let delay = prop_oneof![Just(Duration::ZERO), Just(LONGEST_DELAY)];
    let surge = prop_oneof![2 => Just(None), 1 => Just(Some(1)), 1 => Just(Some(2))];
    (any::<bool>(), 1..6u16, delay, surge).prop_map(
        |(master_listens, nodes, drain_delay, max_surge)| Rules {
            master_listens,
            nodes,
            drain_delay,
            max_surge,
            ..rules(1)
        },
    )
}

/// Of what kind the program is.
#[derive(Debug, Clone, Copy)]
struct Kind {
    restart_children: bool,
    computes: bool,
}

const ORDINARY: Kind = Kind { restart_children: true, computes: false };

impl Kind {
    fn rules(self, rules: Rules) -> Rules {
        Rules { restart_children: self.restart_children, computes: self.computes, ..rules }
    }
}

fn any_kind() -> impl Strategy<Value = Kind> {
    let often = prop::bool::weighted(0.75);
    let kind = |(restart_children, computes)| Kind { restart_children, computes };
    (often, prop::bool::weighted(0.25)).prop_map(kind)
}

/// From a moment to longer than any deadline; mostly short.
fn any_time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        4 => 0..300u64,
        2 => 300..12_000u64,
        1 => 12_000..70_000u64,
    ]
    .prop_map(millis)
}

fn life(kind: Kind) -> impl Strategy<Value = Step> {
    let index = || 0..16usize;
    prop_oneof![
        16 => index().prop_map(Step::SpawnSucceeds),
        1 => index().prop_map(Step::SpawnFails),
        20 => index().prop_map(Step::GetsReady),
        1 => index().prop_map(Step::SaysReady),
        1 => index().prop_map(Step::SaysDraining),
        3 => (index(), 0..2i32).prop_map(|(index, code)| Step::Exits(index, code)),
        6 => index().prop_map(Step::Obeys),
        1 => index().prop_map(Step::Hangs),
        3 => index().prop_map(Step::Tires),
        2 => Just(Step::MasterReady),
        1 => Just(Step::MasterHangs),
        1 => Just(Step::MasterRecovers),
        4 => Just(Step::MainObeys),
        3 => Just(Step::Reload),
        5 => (any_rules(), any::<bool>())
            .prop_map(move |(rules, drops)| Step::Rehearses(kind.rules(rules), drops)),
        1 => Just(Step::RehearsalFails),
        1 => any::<bool>().prop_map(Step::CanReplace),
        1 => Just(Step::Grow),
        1 => Just(Step::Shrink),
        1 => (0..40u64).prop_map(Step::Noise),
        4 => any_time().prop_map(Step::Wait),
        1 => any_time().prop_map(Step::Oversleep),
        1 => any_time().prop_map(Step::Lag),
    ]
}

fn life_and_death(kind: Kind) -> impl Strategy<Value = Step> {
    prop_oneof![
        80 => life(kind),
        1 => Just(Step::Stop),
        1 => any::<bool>().prop_map(|ok| Step::MainEnds { ok }),
    ]
}

/// A program and what happens to it.
fn any_life(most: usize) -> impl Strategy<Value = (Rules, Vec<Step>)> {
    (any_kind(), any_rules()).prop_flat_map(move |(kind, rules)| {
        let steps = prop::collection::vec(life_and_death(kind), 0..most);
        (Just(kind.rules(rules)), steps)
    })
}

fn lived(rules: Rules, steps: Vec<Step>) -> World {
    let mut world = World::new(rules);
    for step in steps {
        world.take(step);
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_rules_hold_and_every_stop_comes_to_its_end_in_time((rules, steps) in any_life(120)) {
        let mut world = lived(rules, steps);
        if !world.finished {
            let took = world.stop_the_stubborn();
            let longest = LONGEST_DELAY + LAST_CALL + DRAIN_OVERRUN + KILL_TIMEOUT;
            prop_assert!(took <= longest, "{took:?}");
        }
        prop_assert_eq!(world.supervisor.poll_timeout(), None);
        prop_assert_eq!(world.supervisor.workers().count(), 0);
    }

    #[test]
    fn a_program_whose_nodes_behave_again_is_whole_again(
        rules in any_rules(),
        steps in prop::collection::vec(life(ORDINARY), 0..120),
    ) {
        let mut world = lived(rules, steps);
        world.behave(secs(30));
        if world.supervisor.is_stopping() {
            // Only the first start gives a program up.
            prop_assert!(world.log.iter().any(|line| line.contains("GivingUp")));
            return Ok(());
        }
        let supervisor = &world.supervisor;
        let (live, wanted) = supervisor.serving();
        prop_assert_eq!(live, wanted);
        for (who, stage) in supervisor.workers() {
            prop_assert_eq!(stage, Stage::Ready);
            prop_assert_eq!(who.generation, supervisor.generation());
        }
        prop_assert_eq!(supervisor.workers().count(), supervisor.slots.len());
        let stands_in = supervisor.slots.contains_key(&0);
        prop_assert!(!stands_in || !supervisor.master.is_ready());
        prop_assert_eq!(supervisor.poll_timeout(), None);
    }

    #[test]
    fn the_same_events_give_the_same_actions((rules, steps) in any_life(60)) {
        let first = lived(rules.clone(), steps.clone());
        let second = lived(rules, steps);
        prop_assert_eq!(first.log, second.log);
    }

    #[test]
    fn at_any_time_another_process_can_go_on_from_a_snapshot((rules, steps) in any_life(60)) {
        let world = lived(rules, steps);
        let snapshot = bincode::serialize(&world.supervisor.snapshot(world.now)).unwrap();
        let next = Supervisor::resume(bincode::deserialize(&snapshot).unwrap(), 7);
        world.check_successor(&next);
        prop_assert_eq!(bincode::serialize(&next.snapshot(world.now)).unwrap(), snapshot);
    }
}
