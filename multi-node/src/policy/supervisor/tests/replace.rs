//! From the switch on: the stand-in, the master's drain, its replacement and the handover.

use super::*;

/// Two nodes, the master one of them; its worker is node 1. A reload has come to its switch: node 2
/// took slot 1, and node 3 stands in for the master, whose node drains.
fn switched() -> Sim {
    let mut sim = Sim::running(with_master(2));
    sim.wait(secs(100));
    assert_eq!(sim.reloads()[2..], ["starting 2 g1", "spawn 2/1g1", "spawn 3/0g1"]);
    sim.ready(2);
    assert_eq!(sim.ready(3), ["drain 1", "drain 0", "switch g1"]);
    sim
}

/// The same, and the process was replaced; its own node, 4, starts.
fn replaced() -> Sim {
    let mut sim = switched();
    assert_eq!(sim.main_returns_ok(), ["replacing by 4g1", "replace by 4g1"]);
    assert_eq!(sim.is_replaced(), NOTHING);
    sim
}

#[test]
fn a_single_node_has_a_stand_in_while_it_is_replaced() {
    let mut sim = Sim::running(with_master(1));
    assert_eq!(sim.reloads()[2..], ["starting 1 g1", "spawn 1/0g1"]);
    assert_eq!(sim.ready(1), ["drain 0", "switch g1"]);
    assert_eq!(sim.main_returns_ok(), ["replacing by 2g1", "replace by 2g1"]);
    assert_eq!(sim.is_replaced(), NOTHING);
    assert_eq!(sim.ready(2), ["drain 1", "reloaded 0 to g1 in 0ns"]);
    assert_eq!(sim.exits(1, 0), ["1/0g1 left, code 0"]);
    assert_eq!(sim.main_returns_ok(), ["stopping", "finish: main ended"]);
}

#[test]
fn the_end_of_main_in_its_drain_means_go_on_whatever_it_returned() {
    for ok in [true, false] {
        let mut sim = switched();
        sim.wait(secs(1));
        assert_eq!(
            sim.tell(Event::MasterEnded { ok }),
            ["replacing by 4g1", "replace by 4g1"],
            "although node 1 drains on"
        );
        assert!(!sim.supervisor.is_stopping());
    }
}

#[test]
fn a_main_that_does_not_return_in_time_is_left_behind_and_the_reload_goes_on() {
    let mut sim = switched();
    sim.exits(1, 0);
    assert_eq!(sim.wait(DRAIN_OVERRUN - millis(1)), NOTHING);
    assert_eq!(sim.wait(millis(1)), ["main is cut off", "replacing by 4g1", "replace by 4g1"]);
}

#[test]
fn a_main_that_returns_before_the_switch_ends_the_program() {
    let mut sim = Sim::running(with_master(2));
    sim.reloads();
    assert_eq!(
        sim.main_returns_ok(),
        ["stopping", "reload to g1 failed: stopping", "refuse", "drain 2", "drain 3"]
    );
}

#[test]
fn the_process_is_not_replaced_before_every_spawn_was_answered() {
    let mut sim = switched();
    sim.answers_spawns = false;
    sim.exits(2, 1);
    assert_eq!(sim.main_returns_ok(), NOTHING);
    assert_eq!(
        sim.tell(Event::Spawned { node: NodeId(4), pid: 7 }),
        ["replacing by 5g1", "replace by 5g1"]
    );
}

#[test]
fn when_the_new_masters_node_is_ready_the_stand_in_drains_and_the_reload_is_over() {
    let mut sim = replaced();
    assert_eq!(sim.supervisor.master(), NodeId(4));
    assert!(sim.supervisor.runs_main());
    assert_eq!(sim.supervisor.generation(), 1);
    sim.wait(secs(3));
    assert_eq!(sim.ready(4), ["drain 3", "reloaded 1 to g1 in 3s"]);
    assert_eq!(sim.exits(3, 0), ["3/0g1 left, code 0"]);
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0"], "who drained before is still known");
    assert_eq!(
        sim.exits(2, 1),
        ["2/1g1 died Ready, code 1: Respawn { after: 0ns }", "spawn 5/1g1"]
    );
}

#[test]
fn the_deadlines_of_those_who_drain_outlast_the_replacement() {
    let mut sim = replaced();
    sim.ready(4);
    assert_eq!(
        sim.wait(DRAIN_OVERRUN),
        ["1/1g0 overran its drain", "kill 1", "3/0g1 overran its drain", "kill 3"]
    );
}

#[test]
fn a_stand_in_that_dies_is_respawned() {
    let mut sim = switched();
    assert_eq!(
        sim.exits(3, 1),
        ["3/0g1 died Ready, code 1: Respawn { after: 0ns }", "spawn 4/0g1"]
    );
    sim.main_returns_ok();
    sim.is_replaced();
    assert_eq!(sim.ready(5), ["drain 4", "reloaded 1 to g1 in 0ns"]);
}

#[test]
fn a_new_master_that_is_not_ready_in_time_keeps_its_stand_in_until_it_is() {
    let mut sim = replaced();
    sim.wait(secs(40));
    assert_eq!(sim.wait(secs(20)), ["master 4 is not ready", "reloaded 2 to g1 in 60s"]);
    assert_eq!(
        sim.exits(3, 1),
        ["3/0g1 died Ready, code 1: Respawn { after: 0ns }", "spawn 5/0g1"]
    );
    assert_eq!(sim.ready(4), ["drain 5"]);
    assert_eq!(sim.exits(5, 0), ["5/0g1 left, code 0"]);
    assert_eq!(sim.wait(secs(10)), NOTHING, "its slot is forgotten");
}

#[test]
fn a_master_that_does_not_listen_is_not_waited_for() {
    let mut sim = Sim::running(rules(1));
    sim.reloads();
    assert_eq!(sim.ready(2), ["drain 1", "drain 0", "switch g1"]);
    assert_eq!(sim.main_returns_ok(), ["replacing by 3g1", "replace by 3g1"]);
    assert_eq!(sim.is_replaced(), ["reloaded 1 to g1 in 0ns"]);
    assert!(sim.supervisor.runs_main());
}

#[test]
fn a_main_that_ended_before_is_not_run_again() {
    let rules = Rules { restart_children: false, ..with_master(2) };
    let mut sim = Sim::running(rules);
    sim.main_returns_ok();
    assert_eq!(sim.reloads()[2..], ["starting 1 g1", "spawn 2/1g1"], "nobody needs to stand in");
    assert_eq!(sim.ready(2), ["drain 1", "switch g1", "replacing by 3g1", "replace by 3g1"]);
    assert_eq!(sim.is_replaced(), ["reloaded 1 to g1 in 0ns"]);
    assert!(!sim.supervisor.runs_main());
    sim.exits(1, 0);
    assert!(sim.exits(2, 0).ends_with(&["finish: main ended".to_owned()]));
}

#[test]
fn a_main_that_ends_while_its_stand_in_starts_needs_none() {
    let rules = Rules { restart_children: false, ..with_master(2) };
    let mut sim = Sim::running(rules);
    sim.reloads();
    sim.main_returns_ok();
    sim.ready(2);
    assert_eq!(
        sim.ready(3),
        ["drain 1", "drain 3", "switch g1", "replacing by 4g1", "replace by 4g1"]
    );
}

#[test]
fn the_new_options_may_have_the_master_listen_or_not() {
    let mut sim = Sim::running(rules(1));
    sim.next_rules = with_master(1);
    assert_eq!(sim.reloads()[2..], ["starting 1 g1", "spawn 2/0g1"]);
    assert_eq!(sim.ready(2), ["drain 1", "drain 0", "switch g1"]);
    sim.main_returns_ok();
    sim.is_replaced();
    assert_eq!(sim.ready(3), ["drain 2", "reloaded 0 to g1 in 0ns"]);

    let mut sim = Sim::running(with_master(1));
    sim.next_rules = rules(1);
    assert_eq!(sim.reloads()[2..], ["starting 1 g1", "spawn 1/1g1"]);
    assert_eq!(sim.ready(1), ["drain 0", "switch g1"]);
    sim.main_returns_ok();
    assert_eq!(sim.is_replaced(), ["reloaded 1 to g1 in 0ns"]);
}

#[test]
fn nobody_stands_in_for_a_master_that_computes() {
    let mut sim = Sim::running(Rules { computes: true, ..with_master(2) });
    assert_eq!(sim.reloads()[2..], ["starting 1 g1", "spawn 2/1g1"]);
}

fn replace_fails(sim: &mut Sim) -> Vec<String> {
    sim.tell(Event::ReplaceFailed { reason: "no memory".to_owned() })
}

#[test]
fn when_the_process_cannot_be_replaced_the_stand_in_stays_and_the_program_goes_on() {
    let mut sim = switched();
    sim.main_returns_ok();
    assert_eq!(
        replace_fails(&mut sim),
        ["replace by g1 failed: no memory", "close all but g1", "reloaded 2 to g1 in 0ns"]
    );
    assert_eq!(replace_fails(&mut sim), NOTHING);
    assert!(!sim.supervisor.is_stopping());
    assert_eq!(
        sim.exits(3, 1),
        ["3/0g1 died Ready, code 1: Respawn { after: 0ns }", "spawn 5/0g1"],
        "it is a worker like any"
    );
    sim.ready(5);
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0"]);
    assert_eq!(sim.wait(secs(3600)), NOTHING);
}

#[test]
fn the_next_reload_tries_again_to_replace_the_process() {
    let mut sim = switched();
    sim.main_returns_ok();
    replace_fails(&mut sim);
    assert_eq!(sim.reloads()[2..], ["starting 2 g2", "spawn 5/1g2", "spawn 6/0g2"]);
    sim.ready(5);
    assert_eq!(
        sim.ready(6),
        ["drain 3", "drain 2", "switch g2", "replacing by 7g2", "replace by 7g2"]
    );
    sim.is_replaced();
    assert!(sim.supervisor.runs_main());
    assert_eq!(sim.ready(7), ["drain 6", "reloaded 1 to g2 in 0ns"]);
}

#[test]
fn a_program_whose_process_could_not_be_replaced_still_stops() {
    let mut sim = switched();
    sim.main_returns_ok();
    replace_fails(&mut sim);
    sim.exits(1, 0);
    assert_eq!(sim.stops(), ["stopping", "refuse", "drain 2", "drain 3", "close"]);
    sim.exits(2, 0);
    assert_eq!(sim.exits(3, 0), ["3/0g1 left, code 0", "finish: stopped, main ok"]);
}

#[test]
fn a_stop_while_the_master_drains_for_its_replacement_takes_everybody_with_it() {
    let mut sim = switched();
    assert_eq!(
        sim.stops(),
        ["stopping", "reload to g1 failed: stopping", "refuse", "drain 2", "drain 3", "close"]
    );
    sim.exits(1, 0);
    sim.exits(2, 0);
    sim.exits(3, 0);
    assert_eq!(sim.main_returns_ok(), ["finish: stopped, main ok"]);
}

#[test]
fn a_stop_in_the_handover_takes_everybody_with_it() {
    let mut sim = replaced();
    assert_eq!(
        sim.stops(),
        [
            "stopping",
            "reload to g1 failed: stopping",
            "refuse",
            "drain 4",
            "drain 2",
            "drain 3",
            "close"
        ]
    );
}

#[test]
fn a_new_master_whose_main_fails_before_it_is_ready_leaves_its_stand_in_at_its_place() {
    let mut sim = replaced();
    assert_eq!(
        sim.tell(Event::MasterEnded { ok: false }),
        ["master 4 failed", "reloaded 2 to g1 in 0ns"]
    );
    assert_eq!(
        sim.exits(3, 1),
        ["3/0g1 died Ready, code 1: Respawn { after: 0ns }", "spawn 5/0g1"]
    );
    sim.ready(5);
    sim.exits(1, 0);
    assert_eq!(sim.reloads()[2..], ["starting 2 g2", "spawn 6/1g2", "spawn 7/0g2"]);
    sim.ready(6);
    assert_eq!(
        sim.ready(7),
        ["drain 5", "drain 2", "switch g2", "replacing by 8g2", "replace by 8g2"]
    );
    sim.is_replaced();
    assert_eq!(sim.ready(8), ["drain 7", "reloaded 1 to g2 in 0ns"], "the next one tries again");
}

#[test]
fn a_new_master_that_fails_long_after_it_was_to_be_ready_does_no_more_harm() {
    let mut sim = replaced();
    sim.exits(1, 0);
    sim.wait(secs(60));
    assert_eq!(sim.tell(Event::MasterEnded { ok: false }), ["master 4 failed"]);
    assert_eq!(sim.stops(), ["stopping", "refuse", "drain 2", "drain 3", "close"]);
    sim.exits(2, 0);
    assert_eq!(sim.exits(3, 0), ["3/0g1 left, code 0", "finish: stopped, main failed"]);
}

#[test]
fn a_new_master_whose_main_ends_well_or_fails_once_it_was_ready_ends_the_program() {
    let mut sim = replaced();
    assert_eq!(
        sim.main_returns_ok(),
        ["stopping", "reload to g1 failed: stopping", "refuse"],
        "it says that the program is over"
    );
    let mut sim = replaced();
    sim.ready(4);
    assert_eq!(sim.tell(Event::MasterEnded { ok: false }), ["stopping", "refuse"]);
}

#[test]
fn a_snapshot_can_be_read_at_any_time() {
    let mut sim = Sim::running(with_master(3));
    sim.tell(Event::Reload);
    sim.is_replaced();
    assert_eq!(sim.rehearses()[0], "starting 3 g1", "nothing was forgotten");
}

#[test]
fn a_stop_that_comes_although_the_process_is_being_replaced_is_a_stop() {
    let mut sim = switched();
    sim.main_returns_ok();
    assert_eq!(
        sim.stops(),
        ["stopping", "reload to g1 failed: stopping", "refuse", "drain 2", "drain 3", "close"]
    );
    assert_eq!(replace_fails(&mut sim), NOTHING);
}

#[test]
fn a_master_that_hung_and_drained_is_a_node_that_answers_when_it_was_replaced() {
    let mut sim = Sim::running(with_master(1));
    sim.tell(Event::Hung { node: NodeId(0) });
    sim.reloads();
    sim.ready(1);
    assert_eq!(sim.supervisor.serving(), (1, 1), "the stand-in serves");
    sim.wait(DRAIN_OVERRUN);
    sim.is_replaced();
    sim.ready(2);
    assert_eq!(sim.supervisor.serving(), (1, 1));
    assert_eq!(sim.tell(Event::Recovered { node: NodeId(2) }), NOTHING);
}

/// Two nodes, the master one of them, and a reload that no longer listens somewhere, at its switch.
fn dropped() -> Sim {
    let mut sim = Sim::running(with_master(2));
    sim.wait(secs(100));
    sim.drops = true;
    sim.reloads();
    sim.ready(2);
    assert_eq!(sim.ready(3), ["switch g1"], "the old nodes accept what has connected");
    sim
}

#[test]
fn where_nobody_will_listen_what_has_connected_is_accepted_before_the_old_nodes_drain() {
    let mut sim = dropped();
    assert_eq!(sim.wait(LAST_CALL - millis(1)), NOTHING);
    assert_eq!(sim.wait(millis(1)), ["drain 1", "drain 0"]);
    assert_eq!(sim.wait(TELLING), ["close all but g1"], "however long the drain takes");
    assert_eq!(sim.main_returns_ok(), ["replacing by 4g1", "replace by 4g1"]);
    assert_eq!(sim.is_replaced(), NOTHING);
}

#[test]
fn a_successor_that_dies_in_the_last_call_is_respawned_like_any() {
    let mut sim = dropped();
    assert_eq!(sim.is_killed(2)[1..], ["spawn 4/1g1"]);
    assert_eq!(sim.wait(LAST_CALL), ["drain 1", "drain 0"]);
}

#[test]
fn a_stop_in_the_last_call_stops_both_generations() {
    let mut sim = dropped();
    assert_eq!(
        sim.stops(),
        [
            "stopping",
            "reload to g1 failed: stopping",
            "refuse",
            "drain 0",
            "drain 1",
            "drain 2",
            "drain 3",
            "close",
        ]
    );
}
