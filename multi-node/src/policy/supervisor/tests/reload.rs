//! Reloads that succeed, that fail, and what happens meanwhile.

use super::*;

/// Two workers, nodes 1 and 2, long ready; a reload to nodes 3 and 4 in flight.
fn reloading() -> Sim {
    reloading_with(rules(2))
}

fn reloading_with(rules: Rules) -> Sim {
    let mut sim = Sim::running(rules);
    sim.wait(secs(100));
    assert_eq!(sim.tell(Event::Reload), ["reloading 2 to g1", "spawn 3/1g1", "spawn 4/2g1"]);
    sim
}

#[test]
fn the_old_workers_drain_only_when_every_successor_is_ready() {
    let mut sim = reloading();
    assert_eq!(sim.ready(4), NOTHING);
    sim.wait(secs(2));
    assert_eq!(sim.supervisor.generation(), 0);
    assert_eq!(sim.ready(3), ["reloaded 2 to g1 in 2s", "drain 1", "drain 2"]);
    assert_eq!(sim.supervisor.generation(), 1);
    assert_eq!(sim.draining(1), NOTHING);
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0"]);
    assert_eq!(
        sim.exits(3, 1),
        ["3/1g1 died Ready, code 1: Respawn { after: 0ns }", "spawn 5/1g1"]
    );
}

#[test]
fn reloads_asked_for_during_a_reload_become_one_that_follows() {
    let mut sim = reloading();
    for _ in 0..5 {
        assert_eq!(sim.tell(Event::Reload), NOTHING);
    }
    sim.ready(3);
    assert_eq!(
        sim.ready(4),
        [
            "reloaded 2 to g1 in 0ns",
            "drain 1",
            "drain 2",
            "reloading 2 to g2",
            "spawn 5/1g2",
            "spawn 6/2g2"
        ]
    );
    sim.ready(5);
    assert_eq!(sim.ready(6), ["reloaded 2 to g2 in 0ns", "drain 3", "drain 4"]);
}

#[test]
fn a_successor_that_dies_fails_the_reload_and_the_old_generation_goes_on() {
    let mut sim = reloading();
    assert_eq!(
        sim.exits(4, 1),
        ["4/2g1 died Starting, code 1: FailsReload", "reload to g1 failed: 4/2g1 code 1", "kill 3"]
    );
    assert_eq!(sim.is_killed(3), ["3/1g1 left, signal 9"]);
    assert_eq!(sim.supervisor.generation(), 0);
    assert_eq!(
        sim.exits(1, 1),
        ["1/1g0 died Ready, code 1: Respawn { after: 0ns }", "spawn 5/1g0"]
    );
    assert_eq!(
        sim.tell(Event::Reload),
        ["reloading 2 to g2", "spawn 6/1g2", "spawn 7/2g2"],
        "the generation that failed is not used again"
    );
}

#[test]
fn a_successor_that_may_be_serving_drains_when_the_reload_fails() {
    let mut sim = reloading();
    sim.ready(3);
    assert_eq!(
        sim.spawn_fails(4),
        [
            "4/2g1 died Starting, no memory: FailsReload",
            "reload to g1 failed: 4/2g1 no memory",
            "drain 3"
        ]
    );
    assert_eq!(sim.exits(3, 0), ["3/1g1 left, code 0"]);
}

#[test]
fn a_successor_that_is_not_ready_in_time_fails_the_reload() {
    let mut sim = reloading();
    sim.ready(3);
    assert_eq!(
        sim.wait(START_TIMEOUT),
        [
            "kill 4",
            "4/2g1 died Starting, not ready: FailsReload",
            "reload to g1 failed: 4/2g1 not ready",
            "drain 3"
        ]
    );
}

#[test]
fn a_ready_successor_that_is_lost_before_the_switch_fails_the_reload() {
    let mut sim = reloading();
    sim.ready(3);
    assert_eq!(
        sim.exits(3, 1),
        ["3/1g1 died Ready, code 1: FailsReload", "reload to g1 failed: 3/1g1 code 1", "kill 4"]
    );
    let mut sim = reloading();
    sim.ready(3);
    assert_eq!(
        sim.draining(3),
        ["3/1g1 drains: FailsReload", "reload to g1 failed: 3/1g1 drained", "kill 4"]
    );
}

#[test]
fn a_reload_asked_for_during_one_that_fails_still_follows() {
    let mut sim = reloading();
    sim.tell(Event::Reload);
    assert_eq!(sim.exits(3, 1)[2..], ["kill 4", "reloading 2 to g2", "spawn 5/1g2", "spawn 6/2g2"]);
}

#[test]
fn an_old_worker_that_dies_is_respawned_in_its_own_generation() {
    let mut sim = reloading();
    assert_eq!(
        sim.exits(1, 1),
        ["1/1g0 died Ready, code 1: Respawn { after: 0ns }", "spawn 5/1g0"]
    );
    sim.ready(3);
    assert_eq!(sim.ready(4), ["reloaded 2 to g1 in 0ns", "drain 5", "drain 2"]);
}

#[test]
fn an_old_worker_whose_successor_is_ready_is_not_respawned_unless_the_reload_fails() {
    let mut sim = reloading();
    sim.ready(3);
    assert_eq!(sim.exits(1, 1), ["1/1g0 died Ready, code 1: Replaced"]);
    assert_eq!(sim.wait(secs(10)), NOTHING);
    assert_eq!(sim.ready(4), ["reloaded 2 to g1 in 10s", "drain 2"]);

    let mut sim = reloading();
    sim.ready(3);
    sim.exits(1, 1);
    assert_eq!(
        sim.exits(4, 1)[1..],
        ["reload to g1 failed: 4/2g1 code 1", "drain 3", "spawn 5/1g0"]
    );
}

#[test]
fn a_slot_that_waits_for_its_respawn_gets_a_successor_too() {
    let mut sim = Sim::running(rules(1));
    sim.exits(1, 1);
    sim.exits(2, 1);
    assert_eq!(sim.tell(Event::Reload), ["reloading 1 to g1", "spawn 3/1g1"]);
    assert_eq!(sim.ready(3), ["reloaded 1 to g1 in 0ns"]);
    assert_eq!(sim.wait(secs(60)), NOTHING, "the wait is over");
    assert_eq!(
        sim.exits(3, 1),
        ["3/1g1 died Ready, code 1: Respawn { after: 0ns }", "spawn 4/1g1"]
    );
}

#[test]
fn a_respawn_that_comes_due_is_left_out_when_the_successor_is_ready() {
    let mut sim = reloading();
    sim.exits(1, 1);
    assert_eq!(sim.exits(5, 1).len(), 1);
    sim.ready(3);
    assert_eq!(sim.wait(secs(1)), NOTHING);
    let failed = sim.exits(4, 1);
    assert_eq!(failed[1..], ["reload to g1 failed: 4/2g1 code 1", "drain 3"]);
    let (wait, spawned) = sim.wait_for_timeout();
    assert!(millis(90) <= wait && wait <= millis(110));
    assert_eq!(spawned, ["spawn 6/1g0"]);
}

#[test]
fn with_restart_children_off_a_reload_works_and_skips_the_slots_that_ended() {
    let mut sim = Sim::running(without_respawn(2));
    sim.exits(1, 1);
    assert_eq!(sim.tell(Event::Reload), ["reloading 1 to g1", "spawn 3/2g1"]);
    assert_eq!(sim.exits(2, 1), ["2/2g0 died Ready, code 1: RestartOff"]);
    assert_eq!(sim.ready(3), ["reloaded 1 to g1 in 0ns"]);
    assert_eq!(sim.exits(3, 1), ["3/2g1 died Ready, code 1: RestartOff"]);
}

#[test]
fn without_workers_a_reload_is_a_number_and_a_line_in_the_log() {
    let mut sim = Sim::begun(rules(0));
    assert_eq!(sim.tell(Event::Reload), ["reloading 0 to g1", "reloaded 0 to g1 in 0ns"]);
    assert_eq!(sim.supervisor.generation(), 1);
}

#[test]
fn a_successor_that_finishes_its_computation_ends_the_slot_at_the_switch() {
    let mut sim = reloading_with(that_computes(2));
    assert_eq!(sim.exits(3, 0), ["3/1g1 finished"]);
    assert_eq!(sim.ready(4), ["reloaded 2 to g1 in 0ns", "drain 1", "drain 2"]);
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0"]);
    assert_eq!(sim.exits(2, 0), ["2/2g0 left, code 0"]);
    assert_eq!(sim.main_returns_ok(), NOTHING);
    assert_eq!(sim.exits(4, 0), ["4/2g1 finished", "finish: main ended"]);
}

#[test]
fn an_old_worker_that_still_starts_drains_at_the_switch() {
    let mut sim = Sim::begun(rules(2));
    sim.tell(Event::Reload);
    sim.ready(1);
    sim.ready(3);
    assert_eq!(sim.ready(4), ["reloaded 2 to g1 in 0ns", "drain 1", "drain 2"]);
}

#[test]
fn a_stop_ends_the_reload_with_everything_else() {
    let mut sim = reloading();
    assert_eq!(
        sim.tell(Event::Stop),
        ["reload to g1 failed: stopping", "refuse", "drain 3", "drain 4"]
    );
    assert_eq!(sim.wait(LAST_CALL), ["drain 0", "drain 1", "drain 2"]);
    assert_eq!(sim.tell(Event::Reload), NOTHING);
}
