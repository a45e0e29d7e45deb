//! Reloads up to the switch: those that come to it, that fail, and what happens meanwhile.

use super::*;

/// Two workers, nodes 1 and 2, long ready; a reload to nodes 3 and 4 in flight.
fn reloading() -> Sim {
    reloading_with(rules(2))
}

fn reloading_with(rules: Rules) -> Sim {
    let mut sim = Sim::running(rules);
    sim.wait(secs(100));
    assert_eq!(
        sim.reloads(),
        ["reloading to g1", "rehearse g1", "starting 2 g1", "spawn 3/1g1", "spawn 4/2g1"]
    );
    sim
}

#[test]
fn nothing_starts_before_the_new_version_was_rehearsed() {
    let mut sim = Sim::running(rules(2));
    assert_eq!(sim.tell(Event::Reload), ["reloading to g1", "rehearse g1"]);
    assert_eq!(sim.wait(START_TIMEOUT - millis(1)), NOTHING);
    assert_eq!(sim.rehearses(), ["starting 2 g1", "spawn 3/1g1", "spawn 4/2g1"]);
}

#[test]
fn a_rehearsal_that_fails_fails_the_reload_and_nothing_else_happens() {
    let mut sim = Sim::running(rules(2));
    sim.tell(Event::Reload);
    let reason = "it panicked".to_owned();
    let failed = Event::RehearsalFailed { generation: 1, reason };
    assert_eq!(sim.tell(failed.clone()), ["reload to g1 failed: it panicked"]);
    assert_eq!(sim.tell(failed), NOTHING);
    assert_eq!(sim.rehearses(), NOTHING, "it was over");
    assert!(!sim.supervisor.needs(1));
    assert_eq!(sim.tell(Event::Reload), ["reloading to g2", "rehearse g2"]);
}

#[test]
fn a_rehearsal_that_is_not_over_in_time_is_ended_and_fails_the_reload() {
    let mut sim = Sim::running(rules(2));
    sim.tell(Event::Reload);
    assert_eq!(
        sim.wait(START_TIMEOUT),
        ["end rehearsal", "reload to g1 failed: rehearsal overran"]
    );
    assert_eq!(sim.rehearses(), NOTHING, "it comes too late");
}

#[test]
fn an_answer_to_an_earlier_rehearsal_is_none_to_this_one() {
    let mut sim = Sim::running(rules(1));
    sim.tell(Event::Reload);
    sim.wait(START_TIMEOUT);
    sim.tell(Event::Reload);
    assert_eq!(sim.tell(Event::Rehearsed { generation: 1, rules: rules(1), drops: true }), NOTHING);
    assert_eq!(sim.rehearses(), ["starting 1 g2", "spawn 2/1g2"]);
}

#[test]
fn the_old_workers_drain_only_when_every_successor_is_ready() {
    let mut sim = reloading();
    assert_eq!(sim.ready(4), NOTHING);
    sim.wait(secs(2));
    assert_eq!(sim.supervisor.generation(), 0);
    assert_eq!(sim.ready(3), ["drain 1", "drain 2", "drain 0", "switch g1"]);
    assert_eq!(sim.supervisor.generation(), 1);
    assert_eq!(sim.draining(1), NOTHING);
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0"]);
    assert_eq!(
        sim.exits(3, 1),
        ["3/1g1 died Ready, code 1: Respawn { after: 0ns }", "spawn 5/1g1"]
    );
}

#[test]
fn the_file_of_a_generation_is_needed_as_long_as_it_may_be_started() {
    let mut sim = Sim::running(rules(1));
    assert!(sim.supervisor.needs(0) && !sim.supervisor.needs(1));
    sim.reloads();
    assert!(sim.supervisor.needs(0) && sim.supervisor.needs(1));
    sim.ready(2);
    assert!(!sim.supervisor.needs(0) && sim.supervisor.needs(1));
}

#[test]
fn reloads_asked_for_during_a_reload_become_one_that_follows() {
    let mut sim = reloading();
    for _ in 0..5 {
        assert_eq!(sim.tell(Event::Reload), NOTHING);
    }
    sim.ready(3);
    sim.ready(4);
    sim.main_returns_ok();
    assert_eq!(
        sim.is_replaced(),
        ["reloaded 2 to g1 in 0ns", "reloading to g2", "rehearse g2"],
        "the next process knows of it"
    );
    assert_eq!(sim.rehearses(), ["starting 2 g2", "spawn 6/1g2", "spawn 7/2g2"]);
    sim.ready(6);
    assert_eq!(sim.ready(7), ["drain 3", "drain 4", "drain 5", "switch g2"]);
}

#[test]
fn a_successor_that_dies_fails_the_reload_and_the_old_generation_goes_on() {
    let mut sim = reloading();
    assert_eq!(
        sim.exits(4, 1),
        [
            "4/2g1 died Starting, code 1: FailsReload",
            "reload to g1 failed: 4/2g1 code 1",
            "kill 3",
            "discard g1"
        ]
    );
    assert_eq!(sim.is_killed(3), ["3/1g1 left, signal 9"]);
    assert_eq!(sim.supervisor.generation(), 0);
    assert_eq!(
        sim.exits(1, 1),
        ["1/1g0 died Ready, code 1: Respawn { after: 0ns }", "spawn 5/1g0"]
    );
    sim.tell(Event::Reload);
    assert_eq!(
        sim.rehearses(),
        ["starting 2 g2", "spawn 6/1g2", "spawn 7/2g2"],
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
            "drain 3",
            "discard g1"
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
            "drain 3",
            "discard g1"
        ]
    );
}

#[test]
fn the_new_versions_start_timeout_holds_for_its_workers() {
    let mut sim = Sim::running(rules(1));
    sim.next_rules.start_timeout = secs(5);
    sim.reloads();
    assert_eq!(sim.wait(secs(5))[0], "kill 2");
}

#[test]
fn a_ready_successor_that_is_lost_before_the_switch_fails_the_reload() {
    let mut sim = reloading();
    sim.ready(3);
    assert_eq!(
        sim.exits(3, 1)[..3],
        ["3/1g1 died Ready, code 1: FailsReload", "reload to g1 failed: 3/1g1 code 1", "kill 4"]
    );
    let mut sim = reloading();
    sim.ready(3);
    assert_eq!(
        sim.draining(3)[..3],
        ["3/1g1 drains: FailsReload", "reload to g1 failed: 3/1g1 drained", "kill 4"]
    );
}

#[test]
fn a_reload_asked_for_during_one_that_fails_still_follows() {
    let mut sim = reloading();
    sim.tell(Event::Reload);
    assert_eq!(sim.exits(3, 1)[2..], ["kill 4", "discard g1", "reloading to g2", "rehearse g2"]);
}

#[test]
fn an_old_worker_that_dies_is_respawned_in_its_own_generation() {
    let mut sim = reloading();
    assert_eq!(
        sim.exits(1, 1),
        ["1/1g0 died Ready, code 1: Respawn { after: 0ns }", "spawn 5/1g0"]
    );
    sim.ready(3);
    assert_eq!(sim.ready(4), ["drain 5", "drain 2", "drain 0", "switch g1"]);
}

#[test]
fn an_old_worker_whose_successor_is_ready_is_not_respawned_unless_the_reload_fails() {
    let mut sim = reloading();
    sim.ready(3);
    assert_eq!(sim.exits(1, 1), ["1/1g0 died Ready, code 1: Replaced"]);
    assert_eq!(sim.wait(secs(10)), NOTHING);
    assert_eq!(sim.ready(4), ["drain 2", "drain 0", "switch g1"]);

    let mut sim = reloading();
    sim.ready(3);
    sim.exits(1, 1);
    assert_eq!(
        sim.exits(4, 1)[1..],
        ["reload to g1 failed: 4/2g1 code 1", "drain 3", "discard g1", "spawn 5/1g0"]
    );
}

#[test]
fn a_slot_that_waits_for_its_respawn_gets_a_successor_too() {
    let mut sim = Sim::running(rules(1));
    sim.exits(1, 1);
    sim.exits(2, 1);
    assert_eq!(sim.reloads()[2..], ["starting 1 g1", "spawn 3/1g1"]);
    assert_eq!(sim.ready(3), ["drain 0", "switch g1"]);
    assert_eq!(sim.wait(secs(20)), NOTHING, "the wait is over");
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
    assert_eq!(failed[1..], ["reload to g1 failed: 4/2g1 code 1", "drain 3", "discard g1"]);
    let (wait, spawned) = sim.wait_for_timeout();
    assert!(millis(90) <= wait && wait <= millis(110));
    assert_eq!(spawned, ["spawn 6/1g0"]);
}

#[test]
fn with_restart_children_off_a_reload_works_and_skips_the_slots_that_ended() {
    let mut sim = Sim::running(without_respawn(2));
    sim.exits(1, 1);
    assert_eq!(sim.reloads()[2..], ["starting 1 g1", "spawn 3/2g1"]);
    assert_eq!(sim.exits(2, 1), ["2/2g0 died Ready, code 1: RestartOff"]);
    assert_eq!(sim.ready(3), ["drain 0", "switch g1"]);
    assert_eq!(sim.exits(3, 1), ["3/2g1 died Ready, code 1: RestartOff"]);
}

#[test]
fn a_successor_that_finishes_its_computation_ends_the_slot_at_the_switch() {
    let mut sim = reloading_with(that_computes(2));
    assert_eq!(sim.exits(3, 0), ["3/1g1 finished"]);
    assert_eq!(sim.ready(4), ["drain 1", "drain 2", "drain 0", "switch g1"]);
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0"]);
    assert_eq!(sim.exits(2, 0), ["2/2g0 left, code 0"]);
    assert_eq!(sim.main_returns_ok(), ["replacing by 5g1", "replace by 5g1"]);
    assert_eq!(sim.is_replaced(), ["reloaded 1 to g1 in 0ns"]);
    assert_eq!(sim.exits(4, 0), ["4/2g1 finished"]);
    assert_eq!(sim.main_returns_ok(), ["finish: main ended"]);
}

#[test]
fn an_old_worker_that_still_starts_drains_at_the_switch() {
    let mut sim = Sim::begun(rules(2));
    sim.tell(Event::Reload);
    sim.ready(1);
    sim.rehearses();
    sim.ready(3);
    assert_eq!(sim.ready(4), ["drain 1", "drain 2", "drain 0", "switch g1"]);
}

#[test]
fn the_new_options_add_slots_and_leave_some_out() {
    let mut sim = Sim::running(rules(2));
    sim.next_rules.nodes = 3;
    assert_eq!(sim.reloads()[2..], ["starting 3 g1", "spawn 3/1g1", "spawn 4/2g1", "spawn 5/3g1"]);
    sim.ready(3);
    sim.ready(4);
    assert_eq!(
        sim.ready(5),
        ["drain 1", "drain 2", "drain 0", "switch g1", "count 3", "scaled to 3"]
    );
    let mut sim = Sim::running(rules(2));
    sim.next_rules.nodes = 1;
    assert_eq!(sim.reloads()[2..], ["starting 1 g1", "spawn 3/1g1"]);
    assert_eq!(
        sim.ready(3),
        ["drain 1", "drain 2", "drain 0", "switch g1", "count 1", "scaled to 1"]
    );
    assert_eq!(sim.exits(2, 0), ["2/2g0 left, code 0"]);
    assert_eq!(sim.wait(secs(10)), NOTHING, "its slot is forgotten");
}

#[test]
fn a_stop_ends_the_reload_with_everything_else() {
    let mut sim = reloading();
    assert_eq!(
        sim.tell(Event::Stop),
        ["stopping", "reload to g1 failed: stopping", "refuse", "drain 3", "drain 4"]
    );
    assert_eq!(sim.wait(LAST_CALL), ["drain 0", "drain 1", "drain 2"]);
    assert_eq!(sim.tell(Event::Reload), NOTHING);
}

#[test]
fn a_stop_ends_the_rehearsal() {
    let mut sim = Sim::running(rules(1));
    sim.tell(Event::Reload);
    assert_eq!(
        sim.tell(Event::Stop),
        ["stopping", "end rehearsal", "reload to g1 failed: stopping", "refuse"]
    );
    assert_eq!(sim.rehearses(), NOTHING);
}
