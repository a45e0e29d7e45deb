//! How many nodes serve.

use super::*;

#[test]
fn one_more_is_started_in_the_next_slot_and_everybody_is_told() {
    let mut sim = Sim::running(with_master(2));
    assert_eq!(sim.tell(Event::Grow), ["count 3", "scaled to 3", "spawn 2/2g0"]);
    assert_eq!(sim.supervisor.serving(), (2, 3));
    sim.ready(2);
    assert_eq!(sim.supervisor.serving(), (3, 3));
}

#[test]
fn one_less_retires_the_highest_slot() {
    let mut sim = Sim::running(rules(3));
    assert_eq!(sim.tell(Event::Shrink), ["count 2", "scaled to 2", "drain 3"]);
    assert_eq!(sim.exits(3, 0), ["3/3g0 left, code 0"]);
    assert_eq!(sim.wait(secs(60)), NOTHING, "its slot is forgotten");
    assert_eq!(sim.tell(Event::Grow), ["count 3", "scaled to 3", "spawn 4/3g0"]);
}

#[test]
fn one_less_also_ends_a_wait_for_a_respawn_and_a_start() {
    let mut sim = Sim::running(rules(3));
    sim.exits(3, 1);
    assert_eq!(sim.tell(Event::Shrink), ["count 2", "scaled to 2", "drain 4"]);
    sim.exits(2, 1);
    sim.exits(5, 1);
    assert_eq!(sim.tell(Event::Shrink), ["count 1", "scaled to 1"]);
    assert_eq!(sim.wait(secs(60)), ["4/3g0 overran its drain", "kill 4", "4/3g0 is not reaped"]);
}

#[test]
fn the_last_node_that_serves_is_kept() {
    let mut sim = Sim::running(with_master(2));
    assert_eq!(sim.tell(Event::Shrink), ["count 1", "scaled to 1", "drain 1"]);
    assert_eq!(sim.tell(Event::Shrink), ["scale refused: LastNode"]);
    let mut sim = Sim::running(rules(1));
    assert_eq!(sim.tell(Event::Shrink), ["scale refused: LastNode"]);
}

#[test]
fn a_master_whose_main_is_over_is_not_the_last_node_that_serves() {
    let mut sim = Sim::running(Rules { restart_children: false, ..with_master(2) });
    sim.main_returns_ok();
    assert_eq!(sim.tell(Event::Shrink), ["scale refused: LastNode"]);
}

#[test]
fn two_hundred_and_fifty_six_nodes_are_the_most() {
    let mut sim = Sim::running(rules(255));
    assert_eq!(sim.tell(Event::Grow), ["count 256", "scaled to 256", "spawn 256/256g0"]);
    assert_eq!(sim.tell(Event::Grow), ["scale refused: TooMany"]);
}

#[test]
fn what_is_asked_for_in_the_first_start_is_done_when_it_is_over() {
    let mut sim = Sim::begun(rules(2));
    assert_eq!(sim.tell(Event::Grow), NOTHING);
    assert_eq!(sim.tell(Event::Grow), NOTHING);
    assert_eq!(sim.ready(1), ["count 4", "scaled to 4", "spawn 3/3g0", "spawn 4/4g0"]);
}

#[test]
fn what_is_asked_for_in_a_reload_is_added_up_and_done_by_the_next_process() {
    let mut sim = Sim::running(rules(2));
    sim.reloads();
    for event in [Event::Grow, Event::Shrink, Event::Grow] {
        assert_eq!(sim.tell(event), NOTHING);
    }
    sim.ready(3);
    sim.ready(4);
    sim.main_returns_ok();
    assert_eq!(
        sim.is_replaced(),
        ["reloaded 2 to g1 in 0ns", "count 3", "scaled to 3", "spawn 6/3g1"]
    );
}

#[test]
fn what_adds_up_to_nothing_in_a_reload_is_nothing() {
    let mut sim = Sim::running(rules(2));
    sim.tell(Event::Reload);
    sim.tell(Event::Grow);
    sim.tell(Event::Shrink);
    let reason = "it panicked".to_owned();
    assert_eq!(sim.tell(Event::RehearsalFailed { generation: 1, reason }).len(), 1);
}

#[test]
fn the_count_of_an_operator_outlives_a_reload_that_asks_for_another() {
    let mut sim = Sim::running(rules(2));
    sim.tell(Event::Grow);
    sim.ready(3);
    sim.next_rules.nodes = 7;
    assert_eq!(sim.reloads()[2], "starting 3 g1");
    for node in [4, 5] {
        sim.ready(node);
    }
    let switched = ["drain 1", "drain 2", "drain 3", "drain 0", "switch g1"];
    assert_eq!(sim.ready(6), switched);
    sim.main_returns_ok();
    sim.is_replaced();
    assert_eq!(sim.supervisor.serving(), (3, 3));
}

#[test]
fn a_slot_that_ended_does_not_stand_in_the_way() {
    let mut sim = Sim::running(without_respawn(2));
    sim.exits(2, 1);
    assert_eq!(sim.tell(Event::Shrink), ["count 1", "scaled to 1"]);
    assert_eq!(sim.tell(Event::Grow), ["count 2", "scaled to 2", "spawn 3/2g0"]);
}

#[test]
fn in_a_stop_the_count_is_left_alone() {
    let mut sim = Sim::running(rules(2));
    sim.stops();
    assert_eq!(sim.tell(Event::Grow), NOTHING);
    assert_eq!(sim.tell(Event::Shrink), NOTHING);
}

#[test]
fn in_a_reload_a_slot_is_served_once_whoever_serves_it() {
    let mut sim = Sim::running(with_master(2));
    assert_eq!(sim.supervisor.serving(), (2, 2));
    sim.reloads();
    sim.ready(2);
    assert_eq!(sim.supervisor.serving(), (2, 2));
    sim.ready(3);
    assert_eq!(sim.supervisor.serving(), (2, 2), "the stand-in serves for the master");
    sim.main_returns_ok();
    sim.is_replaced();
    assert_eq!(sim.supervisor.serving(), (2, 2));
}
