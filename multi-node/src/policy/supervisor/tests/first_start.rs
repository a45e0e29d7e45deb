//! The first start: what happens before any worker was ever ready.

use super::*;

#[test]
fn every_slot_is_filled_at_the_start() {
    let mut sim = Sim::new(rules(3));
    assert_eq!(sim.tell(Event::Begin), ["spawn 1/1g0", "spawn 2/2g0", "spawn 3/3g0"]);
    assert_eq!(sim.tell(Event::Begin), NOTHING);
}

#[test]
fn a_program_without_workers_runs_until_its_main_returns() {
    for rules in [rules(0), without_respawn(0)] {
        let mut sim = Sim::begun(rules);
        assert_eq!(sim.supervisor.poll_timeout(), None);
        assert!(!sim.supervisor.is_stopping());
        assert!(sim.main_returns_ok().ends_with(&["finish: main ended".to_owned()]));
    }
}

#[test]
fn a_dead_slot_waits_while_others_still_start_and_is_respawned_when_one_is_ready() {
    let mut sim = Sim::begun(rules(3));
    assert_eq!(sim.exits(2, 1), ["2/2g0 died Starting, code 1: Waits"]);
    assert_eq!(sim.spawn_fails(3), ["3/3g0 died Starting, no memory: Waits"]);
    assert_eq!(sim.wait(secs(10)), NOTHING);
    assert_eq!(sim.ready(1), ["spawn 4/2g0", "spawn 5/3g0"]);
    let (wait, _) = {
        assert_eq!(sim.exits(4, 1)[0].split(": ").next(), Some("4/2g0 died Starting, code 1"));
        sim.wait_for_timeout()
    };
    assert!(millis(90) <= wait && wait <= millis(110), "{wait:?}");
}

#[test]
fn a_program_none_of_whose_workers_gets_ready_ends_with_the_last_cause() {
    let mut sim = Sim::begun(rules(2));
    sim.exits(1, 3);
    assert_eq!(sim.exits(2, 42), ["2/2g0 died Starting, code 42: GivingUp", "stopping", "drain 0"]);
    assert!(sim.supervisor.is_stopping());
    assert_eq!(sim.main_returns_ok(), ["finish: never started, code 42, main ok"]);
}

#[test]
fn a_program_that_cannot_spawn_at_all_ends_with_the_reason() {
    let mut sim = Sim::new(rules(2));
    sim.answers_spawns = false;
    sim.tell(Event::Begin);
    sim.spawn_fails(1);
    assert_eq!(
        sim.spawn_fails(2),
        ["2/2g0 died Starting, no memory: GivingUp", "stopping", "drain 0"]
    );
    assert_eq!(
        sim.wait(DRAIN_OVERRUN),
        ["main is cut off", "finish: never started, no memory, main cut off"]
    );
}

#[test]
fn a_program_whose_workers_never_say_ready_is_given_up_after_the_start_timeout() {
    let mut sim = Sim::begun(rules(2));
    assert_eq!(sim.wait(START_TIMEOUT - millis(1)), NOTHING);
    assert_eq!(
        sim.wait(millis(1)),
        [
            "kill 1",
            "1/1g0 died Starting, not ready: Waits",
            "kill 2",
            "2/2g0 died Starting, not ready: GivingUp",
            "stopping",
            "drain 0"
        ]
    );
    assert_eq!(sim.is_killed(1), ["1/1g0 left, signal 9"]);
    assert_eq!(sim.main_returns_ok(), NOTHING);
    assert_eq!(
        sim.is_killed(2),
        ["2/2g0 left, signal 9", "finish: never started, not ready, main ok"]
    );
}

#[test]
fn without_respawn_too_a_program_that_never_got_ready_ends() {
    let mut sim = Sim::begun(without_respawn(2));
    assert_eq!(sim.exits(1, 1), ["1/1g0 died Starting, code 1: RestartOff"]);
    assert_eq!(sim.exits(2, 1), ["2/2g0 died Starting, code 1: GivingUp", "stopping", "drain 0"]);
}

#[test]
fn a_worker_that_drains_before_it_is_ready_does_not_save_the_first_start() {
    let mut sim = Sim::begun(rules(1));
    assert_eq!(sim.draining(1), ["1/1g0 drains: GivingUp", "stopping", "drain 0"]);
    sim.main_returns_ok();
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0", "finish: never started, drained, main ok"]);
}

#[test]
fn a_worker_that_finished_its_computation_before_it_was_ready_did_start() {
    let mut sim = Sim::begun(that_computes(2));
    assert_eq!(sim.exits(1, 0), ["1/1g0 finished"]);
    assert_eq!(
        sim.exits(2, 1),
        ["2/2g0 died Starting, code 1: Respawn { after: 0ns }", "spawn 3/2g0"]
    );
}

#[test]
fn a_reload_asked_for_in_the_first_start_follows_it() {
    let mut sim = Sim::begun(rules(2));
    assert_eq!(sim.tell(Event::Reload), NOTHING);
    assert_eq!(sim.tell(Event::Reload), NOTHING);
    assert_eq!(sim.ready(1), ["reloading to g1", "rehearse g1"]);
}
