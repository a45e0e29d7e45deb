//! Workers that have reached a limit.

use super::*;

fn tires(sim: &mut Sim, node: u64) -> Vec<String> {
    let node = NodeId(node);
    sim.tell(Event::Tired { node, why: Weariness::Memory })
}

#[test]
fn a_tired_worker_drains_when_its_successor_is_ready() {
    let mut sim = Sim::running(rules(2));
    assert_eq!(tires(&mut sim, 1), ["1/1g0 is tired: Memory", "spawn 3/1g0"]);
    assert_eq!(tires(&mut sim, 1), NOTHING);
    assert_eq!(sim.supervisor.serving(), (2, 2));
    assert_eq!(sim.ready(3), ["drain 1"]);
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0"]);
    assert_eq!(
        sim.exits(3, 1),
        ["3/1g0 died Ready, code 1: Respawn { after: 0ns }", "spawn 4/1g0"]
    );
}

#[test]
fn the_next_one_waits_until_the_one_before_it_is_gone() {
    let mut sim = Sim::running(rules(3));
    tires(&mut sim, 2);
    assert_eq!(tires(&mut sim, 1), ["1/1g0 is tired: Memory"]);
    assert_eq!(tires(&mut sim, 3), ["3/3g0 is tired: Memory"]);
    assert_eq!(sim.ready(4), ["drain 2"]);
    assert_eq!(sim.exits(2, 0), ["2/2g0 left, code 0", "spawn 5/1g0"]);
    sim.ready(5);
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0", "spawn 6/3g0"]);
}

#[test]
fn one_that_died_before_its_turn_is_passed_over() {
    let mut sim = Sim::running(rules(3));
    tires(&mut sim, 1);
    tires(&mut sim, 2);
    tires(&mut sim, 3);
    sim.exits(2, 1);
    sim.ready(4);
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0", "spawn 6/3g0"]);
}

#[test]
fn a_successor_that_is_lost_is_tried_again_and_the_tired_worker_goes_on() {
    let mut sim = Sim::running(rules(1));
    tires(&mut sim, 1);
    assert_eq!(
        sim.exits(2, 1),
        ["2/1g0 died Starting, code 1: Retry { after: 0ns }", "spawn 3/1g0"]
    );
    assert_eq!(sim.exits(3, 1).len(), 1);
    let (wait, spawned) = sim.wait_for_timeout();
    assert!(millis(90) <= wait && wait <= millis(110));
    assert_eq!(spawned, ["spawn 4/1g0"]);
    assert_eq!(sim.ready(4), ["drain 1"]);
}

#[test]
fn a_tired_worker_that_dies_leaves_its_slot_to_the_successor_on_its_way() {
    let mut sim = Sim::running(rules(1));
    tires(&mut sim, 1);
    assert_eq!(sim.exits(1, 1), ["1/1g0 died Ready, code 1: Replaced"]);
    assert_eq!(sim.ready(2), NOTHING);
    assert_eq!(
        sim.exits(2, 1).len(),
        1,
        "it inherits the failures: the second death in a row waits"
    );
}

#[test]
fn a_tired_worker_that_dies_while_its_successor_waits_is_respawned_like_any() {
    let mut sim = Sim::running(rules(1));
    tires(&mut sim, 1);
    sim.exits(2, 1);
    sim.exits(3, 1);
    assert_eq!(
        sim.exits(1, 1),
        ["1/1g0 died Ready, code 1: Respawn { after: 0ns }", "spawn 4/1g0"]
    );
    assert_eq!(sim.wait(secs(30)), NOTHING);
}

#[test]
fn a_reload_that_begins_ends_the_renewal_and_replaces_everybody_anyway() {
    let mut sim = Sim::running(rules(2));
    tires(&mut sim, 1);
    assert_eq!(sim.tell(Event::Reload), ["drain 3", "reloading to g1", "rehearse g1"]);
    sim.exits(3, 0);
    assert_eq!(tires(&mut sim, 2), ["2/2g0 is tired: Memory"], "not while a reload runs");
    assert_eq!(sim.rehearses(), ["starting 2 g1", "spawn 4/1g1", "spawn 5/2g1"]);
    sim.ready(4);
    sim.ready(5);
    sim.main_returns_ok();
    assert_eq!(sim.is_replaced(), ["reloaded 2 to g1 in 0ns"]);
}

#[test]
fn a_reload_that_fails_leaves_the_tired_as_tired_as_they_were() {
    let mut sim = Sim::running(rules(2));
    tires(&mut sim, 1);
    sim.tell(Event::Reload);
    let reason = "it panicked".to_owned();
    assert_eq!(
        sim.tell(Event::RehearsalFailed { generation: 1, reason }),
        ["reload to g1 failed: it panicked", "spawn 4/1g0"]
    );
}

#[test]
fn a_slot_that_is_retired_takes_its_renewal_with_it() {
    let mut sim = Sim::running(rules(2));
    tires(&mut sim, 2);
    assert_eq!(sim.tell(Event::Shrink), ["count 1", "scaled to 1", "drain 3", "drain 2"]);
}

#[test]
fn a_stop_takes_the_successor_with_it() {
    let mut sim = Sim::running(rules(1));
    tires(&mut sim, 1);
    assert_eq!(sim.stops(), ["stopping", "refuse", "drain 2", "drain 0", "drain 1", "close"]);
}

#[test]
fn a_successor_that_finishes_its_computation_ends_the_slot() {
    let mut sim = Sim::running(that_computes(2));
    tires(&mut sim, 1);
    assert_eq!(sim.exits(3, 0), ["3/1g0 finished", "drain 1"]);
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0"]);
    assert_eq!(sim.wait(secs(30)), NOTHING);
}

#[test]
fn a_tired_worker_that_finishes_its_computation_needs_no_successor() {
    let mut sim = Sim::running(that_computes(1));
    sim.main_returns_ok();
    tires(&mut sim, 1);
    assert_eq!(sim.exits(1, 0), ["1/1g0 finished", "drain 2"]);
    assert_eq!(sim.exits(2, 0), ["2/1g0 left, code 0", "finish: main ended"]);
    assert_eq!(sim.wait(secs(100)), NOTHING);
}

#[test]
fn the_masters_own_node_and_who_does_not_serve_are_never_too_tired() {
    let mut sim = Sim::running(rules(1));
    assert_eq!(tires(&mut sim, 0), NOTHING);
    sim.exits(1, 1);
    assert_eq!(tires(&mut sim, 2), NOTHING, "it starts");
    assert_eq!(tires(&mut sim, 1), NOTHING, "it is gone");
}
