//! Reloads with `max_surge`.

use super::*;

/// Three workers, nodes 1 to 3, long ready, and a master that listens; a reload, two at a time.
fn reloading_by_two() -> Sim {
    reloading(2)
}

fn reloading(surge: u16) -> Sim {
    let mut sim = Sim::running(Rules { max_surge: Some(surge), ..with_master(4) });
    sim.wait(secs(100));
    sim.reloads();
    sim
}

#[test]
fn a_successor_takes_its_slot_when_it_is_ready_and_the_next_starts_when_the_old_one_is_gone() {
    let mut sim = Sim::running(Rules { max_surge: Some(1), ..with_master(3) });
    assert_eq!(sim.reloads()[2..], ["starting 3 g1", "spawn 3/1g1"]);
    assert_eq!(sim.ready(3), ["drain 1"]);
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0", "spawn 4/2g1"]);
    assert_eq!(sim.ready(4), ["drain 2"]);
    assert_eq!(sim.exits(2, 0), ["2/2g0 left, code 0", "spawn 5/0g1"], "the stand-in is last");
    assert_eq!(sim.supervisor.generation(), 0);
    assert_eq!(sim.ready(5), ["drain 0", "switch g1"]);
    assert_eq!(sim.main_returns_ok(), ["replacing by 6g1", "replace by 6g1"]);
    sim.is_replaced();
    assert_eq!(sim.ready(6), ["drain 5", "reloaded 2 to g1 in 0ns"]);
}

#[test]
fn so_many_are_beside_the_rest_and_no_more() {
    let mut sim = Sim::running(Rules { max_surge: Some(2), ..rules(4) });
    assert_eq!(sim.reloads()[2..], ["starting 4 g1", "spawn 5/1g1", "spawn 6/2g1"]);
    assert_eq!(sim.ready(6), ["drain 2"]);
    assert_eq!(sim.ready(5), ["drain 1"]);
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0", "spawn 7/3g1"]);
    assert_eq!(sim.ready(7), ["drain 3"]);
    assert_eq!(sim.exits(2, 0), ["2/2g0 left, code 0", "spawn 8/4g1"]);
    assert_eq!(sim.ready(8), ["drain 4", "drain 0", "switch g1"]);
}

#[test]
fn where_nobody_will_listen_the_last_old_worker_accepts_until_the_last_call_is_over() {
    let mut sim = Sim::running(Rules { max_surge: Some(1), ..rules(2) });
    sim.drops = true;
    sim.reloads();
    assert_eq!(sim.ready(3), ["drain 1"]);
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0", "spawn 4/2g1"]);
    assert_eq!(sim.ready(4), ["switch g1"]);
    assert_eq!(sim.wait(LAST_CALL), ["drain 2", "drain 0"]);
    assert_eq!(sim.exits(2, 0), ["2/2g0 left, code 0"]);
    assert_eq!(sim.wait(TELLING), ["close all but g1"]);
}

#[test]
fn a_surge_of_all_is_a_reload_at_once() {
    let mut sim = reloading(4);
    assert_eq!(sim.supervisor.workers().count(), 7);
    assert_eq!(sim.ready(4), NOTHING, "nobody drains before the switch");
}

#[test]
fn the_first_wave_that_fails_leaves_everything_as_it_was() {
    let mut sim = reloading_by_two();
    assert_eq!(
        sim.exits(4, 1),
        [
            "4/1g1 died Starting, code 1: FailsReload",
            "reload to g1 failed: 4/1g1 code 1",
            "drain 5",
            "discard g1"
        ]
    );
    assert_eq!(sim.supervisor.serving(), (4, 4));
}

#[test]
fn a_failure_half_way_brings_the_old_generation_back_ready_first() {
    let mut sim = reloading_by_two();
    sim.ready(4);
    sim.ready(5);
    sim.exits(1, 0);
    assert_eq!(
        sim.exits(6, 1),
        [
            "6/3g1 died Starting, code 1: FailsReload",
            "reload to g1 failed: 6/3g1 code 1",
            "rolling back 2 to g0",
            "spawn 7/1g0"
        ],
        "node 2 drains yet: it and its way back are two"
    );
    assert!(!sim.supervisor.needs(1));
    assert_eq!(sim.exits(2, 0), ["2/2g0 left, code 0", "spawn 8/2g0"]);
    assert_eq!(sim.ready(7), ["drain 4"]);
    assert_eq!(sim.ready(8), ["drain 5", "rolled back to g0", "discard g1"]);
    assert_eq!(sim.supervisor.serving(), (4, 4));
}

#[test]
fn a_worker_of_the_new_generation_that_is_lost_in_its_slot_fails_the_reload_too() {
    let mut sim = reloading_by_two();
    sim.ready(4);
    sim.ready(5);
    assert_eq!(
        sim.exits(4, 1),
        [
            "4/1g1 died Ready, code 1: FailsReload",
            "reload to g1 failed: 4/1g1 code 1",
            "rolling back 1 to g0",
            "spawn 6/1g0"
        ]
    );
}

#[test]
fn on_the_way_back_who_is_lost_is_tried_again() {
    let mut sim = reloading(1);
    sim.ready(4);
    sim.exits(1, 0);
    assert_eq!(sim.exits(5, 1).last().unwrap(), "spawn 6/1g0");
    assert_eq!(
        sim.exits(6, 1),
        ["6/1g0 died Starting, code 1: Retry { after: 0ns }", "spawn 7/1g0"]
    );
    assert_eq!(sim.ready(7), ["drain 4", "rolled back to g0", "discard g1"]);
}

#[test]
fn on_the_way_back_a_worker_of_the_new_generation_that_dies_leaves_its_slot_to_the_old_one() {
    let mut sim = reloading(1);
    sim.ready(4);
    sim.exits(1, 0);
    sim.exits(5, 1);
    assert_eq!(
        sim.exits(4, 1),
        ["4/1g1 died Ready, code 1: Replaced", "rolled back to g0", "discard g1"]
    );
    assert_eq!(sim.ready(6), NOTHING);
}

#[test]
fn without_respawn_too_what_was_replaced_comes_back() {
    let rules = Rules { max_surge: Some(1), ..without_respawn(3) };
    let mut sim = Sim::running(rules);
    sim.reloads();
    sim.ready(4);
    sim.exits(1, 0);
    assert_eq!(
        sim.exits(4, 1)[1..],
        ["reload to g1 failed: 4/1g1 code 1", "drain 5", "discard g1", "spawn 6/1g0"]
    );
}

#[test]
fn a_reload_asked_for_on_the_way_back_follows_it() {
    let mut sim = reloading(1);
    sim.ready(4);
    sim.exits(1, 0);
    sim.exits(5, 1);
    assert_eq!(sim.tell(Event::Reload), NOTHING);
    assert_eq!(
        sim.ready(6),
        ["drain 4", "rolled back to g0", "discard g1", "reloading to g2", "rehearse g2"]
    );
}

#[test]
fn a_stop_on_the_way_back_takes_everybody_with_it() {
    let mut sim = reloading(1);
    sim.ready(4);
    sim.exits(1, 0);
    sim.exits(5, 1);
    assert_eq!(
        sim.stops(),
        ["stopping", "refuse", "drain 6", "drain 0", "drain 2", "drain 3", "drain 4", "close"]
    );
}

#[test]
fn an_old_worker_that_dies_before_its_turn_is_respawned_in_its_own_generation() {
    let mut sim = reloading(1);
    assert_eq!(
        sim.exits(3, 1),
        ["3/3g0 died Ready, code 1: Respawn { after: 0ns }", "spawn 5/3g0"]
    );
    sim.ready(4);
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0", "spawn 6/2g1"]);
}

#[test]
fn slots_that_the_new_options_leave_out_drain_at_the_switch() {
    let mut sim = Sim::running(Rules { max_surge: Some(1), ..rules(3) });
    sim.next_rules = Rules { max_surge: Some(1), ..rules(2) };
    sim.reloads();
    sim.ready(4);
    sim.exits(1, 0);
    assert_eq!(
        sim.ready(5),
        ["drain 2", "drain 3", "drain 0", "switch g1", "count 2", "scaled to 2"]
    );
}

#[test]
fn a_slot_that_the_new_options_added_is_retired_on_the_way_back() {
    let mut sim = Sim::running(rules(2));
    sim.next_rules = Rules { max_surge: Some(2), ..rules(4) };
    sim.reloads();
    sim.ready(3);
    sim.ready(4);
    sim.exits(1, 0);
    sim.exits(2, 0);
    assert_eq!(sim.ready(5), NOTHING, "slot 3 had nobody");
    assert_eq!(
        sim.exits(6, 1),
        [
            "6/4g1 died Starting, code 1: FailsReload",
            "reload to g1 failed: 6/4g1 code 1",
            "drain 5",
            "rolling back 2 to g0",
            "spawn 7/1g0",
            "spawn 8/2g0"
        ]
    );
}

#[test]
fn a_stand_in_that_stayed_is_replaced_in_its_turn_like_any_worker() {
    let mut sim = reloading(1);
    for (old, new) in [(1, 4), (2, 5), (3, 6)] {
        sim.ready(new);
        sim.exits(old, 0);
    }
    sim.ready(7);
    sim.main_returns_ok();
    sim.tell(Event::ReplaceFailed { reason: "no memory".to_owned() });
    assert_eq!(sim.reloads().last().unwrap(), "spawn 9/1g2");
    for (old, new) in [(4, 9), (5, 10), (6, 11)] {
        sim.ready(new);
        sim.exits(old, 0);
    }
    assert_eq!(sim.ready(12), ["drain 7", "switch g2", "replacing by 13g2", "replace by 13g2"]);
}

#[test]
fn an_old_worker_that_dies_while_its_successor_starts_is_respawned_too() {
    let mut sim = reloading(1);
    assert_eq!(
        sim.exits(1, 1),
        ["1/1g0 died Ready, code 1: Respawn { after: 0ns }", "spawn 5/1g0"]
    );
    assert_eq!(sim.ready(4), ["drain 5"]);
}

#[test]
fn an_old_worker_that_was_not_even_started_holds_up_nobody() {
    let mut sim = reloading(1);
    let exited = Event::Exited { node: NodeId(1), status: KILLED };
    sim.supervisor.handle_event(sim.now, exited);
    assert_eq!(
        sim.ready(4),
        ["1/1g0 died Ready, signal 9: Respawn { after: 0ns }", "spawn 6/2g1"],
        "the respawn of slot 1 is taken back"
    );
}

#[test]
fn without_respawn_too_who_is_lost_before_its_way_back_is_replaced_by_the_old_version() {
    let mut sim = Sim::running(Rules { max_surge: Some(1), ..without_respawn(3) });
    sim.reloads();
    for (old, new) in [(1, 4), (2, 5)] {
        sim.ready(new);
        sim.exits(old, 0);
    }
    assert_eq!(sim.exits(6, 1)[2..], ["rolling back 2 to g0", "spawn 7/1g0"]);
    assert_eq!(
        sim.exits(5, 1),
        ["5/2g1 died Ready, code 1: Respawn { after: 0ns }", "spawn 8/2g0"]
    );
    assert_eq!(
        sim.exits(8, 1),
        ["8/2g0 died Starting, code 1: RestartOff"],
        "the old version is what it was"
    );
}

#[test]
fn a_stand_in_that_was_lost_with_restart_children_off_does_not_keep_the_next_from_its_place() {
    let rules = Rules { restart_children: false, max_surge: Some(1), ..with_master(2) };
    let mut sim = Sim::running(rules);
    sim.reloads();
    sim.ready(2);
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0", "spawn 3/0g1"]);
    assert_eq!(sim.ready(3), ["drain 0", "switch g1"]);
    sim.main_returns_ok();
    sim.is_replaced();
    assert_eq!(sim.exits(3, 1), ["3/0g1 died Ready, code 1: RestartOff"]);
    assert_eq!(sim.wait(secs(60)), ["master 4 is not ready", "reloaded 1 to g1 in 60s"]);
    assert_eq!(sim.reloads()[2..], ["starting 2 g2", "spawn 5/1g2"]);
    assert_eq!(sim.ready(5), ["drain 2"]);
    assert_eq!(sim.exits(2, 0), ["2/1g1 left, code 0", "spawn 6/0g2"]);
    assert_eq!(sim.ready(6), ["drain 4", "switch g2"]);
}
