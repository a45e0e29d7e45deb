//! The death of a worker in a program that runs.

use super::*;

#[test]
fn the_first_death_is_followed_by_a_successor_at_once() {
    let mut sim = Sim::running(rules(2));
    assert_eq!(
        sim.exits(2, 42),
        ["2/2g0 died Ready, code 42: Respawn { after: 0ns }", "spawn 3/2g0"]
    );
    assert_eq!(
        sim.is_killed(1),
        ["1/1g0 died Ready, signal 9: Respawn { after: 0ns }", "spawn 4/1g0"]
    );
}

#[test]
fn a_worker_whose_main_returned_success_is_respawned_like_any_other() {
    let mut sim = Sim::running(rules(1));
    assert_eq!(
        sim.exits(1, 0),
        ["1/1g0 died Ready, code 0: Respawn { after: 0ns }", "spawn 2/1g0"]
    );
}

#[test]
fn deaths_in_a_row_wait_longer_up_to_ten_seconds() {
    let mut sim = Sim::running(rules(1));
    sim.exits(1, 1);
    for (failures, nominal) in
        [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000].into_iter().enumerate()
    {
        let node = failures as u64 + 2;
        let died = sim.exits(node, 1);
        assert_eq!(died.len(), 1, "nothing is spawned yet: {died:?}");
        let (wait, spawned) = sim.wait_for_timeout();
        let (least, most) = (millis(nominal * 9 / 10), millis(nominal * 11 / 10));
        assert!(least <= wait && wait <= most, "{wait:?} for {nominal} ms");
        assert_eq!(spawned, [format!("spawn {}/1g0", node + 1)]);
    }
}

#[test]
fn thirty_seconds_of_health_clear_the_failures_and_less_does_not() {
    for (health, at_once) in [(millis(29_999), false), (secs(30), true)] {
        let mut sim = Sim::running(rules(1));
        sim.exits(1, 1);
        sim.ready(2);
        sim.wait(health);
        let answers = sim.exits(2, 1);
        assert_eq!(answers.len() == 2, at_once, "{health:?}: {answers:?}");
    }
}

#[test]
fn time_spent_starting_is_no_health() {
    let mut sim = Sim::running(rules(1));
    sim.exits(1, 1);
    sim.wait(secs(40));
    assert_eq!(sim.exits(2, 1).len(), 1);
}

#[test]
fn each_slot_counts_its_own_failures() {
    let mut sim = Sim::running(rules(2));
    sim.exits(1, 1);
    assert_eq!(sim.exits(3, 1).len(), 1, "the second in slot 1 waits");
    assert_eq!(
        sim.exits(2, 1),
        ["2/2g0 died Ready, code 1: Respawn { after: 0ns }", "spawn 4/2g0"]
    );
}

#[test]
fn a_spawn_that_fails_counts_as_a_death() {
    let mut sim = Sim::running(rules(1));
    sim.answers_spawns = false;
    sim.exits(1, 1);
    let failed = sim.spawn_fails(2);
    assert!(failed[0].starts_with("2/1g0 died Starting, no memory: Respawn"));
    assert_eq!(failed.len(), 1);
    let (wait, spawned) = sim.wait_for_timeout();
    assert!(millis(90) <= wait && wait <= millis(110));
    assert_eq!(spawned, ["spawn 3/1g0"]);
}

#[test]
fn a_worker_that_is_not_ready_in_time_is_killed_and_respawned() {
    let mut sim = Sim::running(rules(1));
    sim.exits(1, 1);
    let answers = sim.wait(START_TIMEOUT);
    assert_eq!(answers[0], "kill 2");
    assert!(answers[1].starts_with("2/1g0 died Starting, not ready: Respawn"));
    assert_eq!(answers.len(), 2);
    assert_eq!(sim.is_killed(2), ["2/1g0 left, signal 9"]);
    assert_eq!(sim.wait(millis(110)), ["spawn 3/1g0"]);
}

#[test]
fn a_killed_worker_that_is_never_reaped_is_given_up_and_holds_up_nothing() {
    let mut sim = Sim::running(rules(1));
    sim.exits(1, 1);
    sim.wait(START_TIMEOUT);
    assert_eq!(sim.wait(KILL_TIMEOUT), ["spawn 3/1g0", "2/1g0 is not reaped"]);
    assert_eq!(sim.is_killed(2), NOTHING);
}

#[test]
fn with_restart_children_off_nothing_is_respawned() {
    let mut sim = Sim::running(without_respawn(2));
    assert_eq!(sim.exits(1, 1), ["1/1g0 died Ready, code 1: RestartOff"]);
    assert_eq!(sim.wait(secs(60)), NOTHING);
    assert_eq!(sim.exits(2, 0), ["2/2g0 died Ready, code 0: RestartOff"]);
    assert_eq!(sim.wait(secs(60)), NOTHING);
    assert_eq!(sim.main_returns_ok(), ["finish: main ended"]);
}

#[test]
fn in_a_program_that_computes_success_ends_a_slot_and_a_crash_does_not() {
    let mut sim = Sim::running(that_computes(2));
    assert_eq!(sim.exits(1, 0), ["1/1g0 finished"]);
    assert_eq!(
        sim.exits(2, 1),
        ["2/2g0 died Ready, code 1: Respawn { after: 0ns }", "spawn 3/2g0"]
    );
    sim.ready(3);
    assert_eq!(sim.main_returns_ok(), NOTHING);
    assert_eq!(sim.exits(3, 0), ["3/2g0 finished", "finish: main ended"]);
}
