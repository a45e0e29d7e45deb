//! A worker that drains without having been told to (SIGTERM to it alone).

use super::*;

#[test]
fn a_worker_that_drains_is_replaced_at_once_and_leaves_in_silence() {
    let mut sim = Sim::running(rules(2));
    sim.wait(secs(5));
    assert_eq!(sim.draining(2), ["2/2g0 drains: Respawn { after: 0ns }", "spawn 3/2g0"]);
    sim.ready(3);
    assert_eq!(sim.exits(2, 0), ["2/2g0 left, code 0"]);
}

#[test]
fn a_drain_is_no_failure_however_often_it_comes() {
    let mut sim = Sim::running(rules(1));
    for node in 1..20 {
        sim.wait(SETTLED);
        assert_eq!(
            sim.draining(node),
            [
                format!("{node}/1g0 drains: Respawn {{ after: 0ns }}"),
                format!("spawn {}/1g0", node + 1)
            ]
        );
        sim.ready(node + 1);
    }
}

#[test]
fn a_drain_keeps_the_failures_before_it() {
    let mut sim = Sim::running(rules(1));
    sim.exits(1, 1);
    sim.ready(2);
    sim.wait(SETTLED);
    assert_eq!(sim.draining(2).len(), 2);
    assert_eq!(sim.exits(3, 1).len(), 1, "the second death in a row waits");
}

#[test]
fn a_program_whose_workers_drain_as_soon_as_they_are_ready_backs_off() {
    let mut sim = Sim::running(rules(1));
    assert_eq!(sim.draining(1), ["1/1g0 drains: Respawn { after: 0ns }", "spawn 2/1g0"]);
    sim.ready(2);
    assert_eq!(sim.draining(2).len(), 1);
    let (wait, spawned) = sim.wait_for_timeout();
    assert!(millis(90) <= wait && wait <= millis(110));
    assert_eq!(spawned, ["spawn 3/1g0"]);
}

#[test]
fn a_worker_that_drains_too_long_is_named_and_killed() {
    let mut sim = Sim::running(rules(1));
    sim.wait(secs(5));
    sim.draining(1);
    sim.ready(2);
    assert_eq!(sim.wait(DRAIN_OVERRUN - millis(1)), NOTHING);
    assert_eq!(sim.wait(millis(1)), ["1/1g0 overran its drain", "kill 1"]);
    assert_eq!(sim.is_killed(1), ["1/1g0 left, signal 9"]);
}

#[test]
fn a_crash_while_draining_is_told_and_not_respawned_again() {
    let mut sim = Sim::running(rules(1));
    sim.wait(secs(5));
    sim.draining(1);
    assert_eq!(sim.exits(1, 101), ["1/1g0 died Draining, code 101: Replaced"]);
}

#[test]
fn with_restart_children_off_a_worker_that_drains_is_not_replaced() {
    let mut sim = Sim::running(without_respawn(1));
    assert_eq!(sim.draining(1), ["1/1g0 drains: RestartOff"]);
    assert_eq!(sim.main_returns_ok(), NOTHING);
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0", "finish: main ended"]);
}

#[test]
fn a_worker_that_computes_and_drains_is_replaced() {
    let mut sim = Sim::running(that_computes(1));
    sim.wait(secs(5));
    assert_eq!(sim.draining(1), ["1/1g0 drains: Respawn { after: 0ns }", "spawn 2/1g0"]);
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0"]);
}
