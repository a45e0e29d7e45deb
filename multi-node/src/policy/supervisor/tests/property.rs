//! Whatever happens, in whatever order: the rules of [`World`] hold.

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use super::world::{Step, World};
use super::*;

fn any_rules() -> impl Strategy<Value = Rules> {
    let often = prop::bool::weighted(0.75);
    (0..5u16, often, prop::bool::weighted(0.25)).prop_map(
        |(workers, restart_children, computes)| Rules {
            restart_children,
            computes,
            ..rules(workers)
        },
    )
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

fn life() -> impl Strategy<Value = Step> {
    let index = || 0..16usize;
    prop_oneof![
        12 => index().prop_map(Step::SpawnSucceeds),
        1 => index().prop_map(Step::SpawnFails),
        12 => index().prop_map(Step::SaysReady),
        2 => index().prop_map(Step::SaysDraining),
        4 => (index(), 0..2i32).prop_map(|(index, code)| Step::Exits(index, code)),
        4 => index().prop_map(Step::Obeys),
        2 => Just(Step::Reload),
        1 => (0..40u64).prop_map(Step::Noise),
        4 => any_time().prop_map(Step::Wait),
        1 => any_time().prop_map(Step::Oversleep),
        1 => any_time().prop_map(Step::Lag),
    ]
}

fn life_and_death() -> impl Strategy<Value = Step> {
    prop_oneof![
        40 => life(),
        1 => Just(Step::Stop),
        1 => any::<bool>().prop_map(|ok| Step::MainEnds { ok }),
    ]
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
    fn the_rules_hold_and_every_stop_comes_to_its_end_in_time(
        rules in any_rules(),
        steps in prop::collection::vec(life_and_death(), 0..120),
    ) {
        let mut world = lived(rules, steps);
        if !world.finished {
            let took = world.stop_the_stubborn();
            prop_assert!(took <= DRAIN_OVERRUN + KILL_TIMEOUT, "{took:?}");
        }
        prop_assert_eq!(world.supervisor.poll_timeout(), None);
        prop_assert_eq!(world.supervisor.workers().count(), 0);
    }

    #[test]
    fn a_program_whose_workers_behave_again_is_whole_again(
        workers in 0..5u16,
        steps in prop::collection::vec(life(), 0..120),
    ) {
        let mut world = lived(rules(workers), steps);
        world.behave(secs(15));
        if world.supervisor.is_stopping() {
            // Only the first start gives a program up.
            prop_assert!(world.log.iter().any(|line| line.contains("GivingUp")));
            return Ok(());
        }
        let generation = world.supervisor.generation();
        let ready: Vec<(Slot, Generation, Stage)> = world
            .supervisor
            .workers()
            .map(|(who, stage)| (who.slot, who.generation, stage))
            .collect();
        prop_assert_eq!(ready.len(), usize::from(workers));
        for slot in 1..=workers {
            prop_assert!(ready.contains(&(slot, generation, Stage::Ready)));
        }
    }

    #[test]
    fn the_same_events_give_the_same_actions(
        rules in any_rules(),
        steps in prop::collection::vec(life_and_death(), 0..60),
    ) {
        let first = lived(rules.clone(), steps.clone());
        let second = lived(rules, steps);
        prop_assert_eq!(first.log, second.log);
    }
}
