//! The end of the program.

use super::*;

#[test]
fn a_signal_drains_everything_and_the_program_ends_when_all_are_gone() {
    let mut sim = Sim::running(rules(2));
    assert_eq!(sim.stops(), ["stopping", "refuse", "drain 0", "drain 1", "drain 2", "close"]);
    assert!(sim.supervisor.is_stopping());
    assert_eq!(sim.draining(1), NOTHING);
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0"]);
    assert_eq!(sim.main_returns_ok(), NOTHING);
    assert_eq!(sim.exits(2, 0), ["2/2g0 left, code 0", "finish: stopped, main ok"]);
    assert_eq!(sim.supervisor.poll_timeout(), None);
}

#[test]
fn until_the_last_call_ends_nobody_drains_and_a_worker_that_dies_then_is_not_replaced() {
    let mut sim = Sim::running(rules(2));
    assert_eq!(sim.tell(Event::Stop), ["stopping", "refuse"]);
    assert_eq!(sim.exits(1, 1), ["1/1g0 died Ready, code 1: Stopping"]);
    assert_eq!(sim.wait(LAST_CALL - millis(1)), NOTHING);
    assert_eq!(sim.wait(millis(1)), ["drain 0", "drain 2"]);
}

#[test]
fn listening_ends_only_once_every_node_has_had_time_to_hear_of_the_drain() {
    let mut sim = Sim::running(rules(1));
    sim.tell(Event::Stop);
    assert_eq!(sim.wait(LAST_CALL), ["drain 0", "drain 1"]);
    assert_eq!(sim.wait(TELLING - millis(1)), NOTHING);
    assert_eq!(sim.wait(millis(1)), ["close"]);
}

#[test]
fn a_program_that_listens_to_nobody_drains_without_a_last_call() {
    let mut sim = Sim::running(that_computes(1));
    assert_eq!(sim.tell(Event::Stop), ["stopping", "drain 0", "drain 1"]);
}

#[test]
fn a_worker_that_still_starts_drains_too_and_one_that_waits_is_not_respawned() {
    let mut sim = Sim::running(rules(2));
    sim.exits(1, 1);
    sim.exits(2, 1);
    sim.exits(4, 1);
    assert_eq!(sim.stops(), ["stopping", "refuse", "drain 3", "drain 0", "close"]);
    assert_eq!(sim.exits(3, 1), ["3/1g0 died Draining, code 1: Stopping"]);
    assert_eq!(sim.wait(secs(20)), NOTHING);
    assert_eq!(sim.main_returns_ok(), ["finish: stopped, main ok"]);
}

#[test]
fn those_over_the_drain_timeout_are_named_and_killed_and_main_is_left_behind() {
    let mut sim = Sim::running(rules(2));
    sim.stops();
    sim.exits(1, 0);
    assert_eq!(sim.wait(DRAIN_OVERRUN - TELLING - millis(1)), NOTHING);
    assert_eq!(sim.wait(millis(1)), ["2/2g0 overran its drain", "kill 2", "main is cut off"]);
    assert_eq!(sim.is_killed(2), ["2/2g0 left, signal 9", "finish: stopped, main cut off"]);
    assert_eq!(sim.main_returns_ok(), NOTHING);
}

#[test]
fn a_worker_that_not_even_a_kill_ends_does_not_hold_up_the_end() {
    let mut sim = Sim::running(rules(1));
    sim.stops();
    sim.main_returns_ok();
    assert_eq!(
        sim.wait(DRAIN_OVERRUN + KILL_TIMEOUT),
        ["1/1g0 overran its drain", "kill 1", "1/1g0 is not reaped", "finish: stopped, main ok"]
    );
}

#[test]
fn a_second_signal_later_than_250_ms_kills_at_once_and_an_earlier_one_is_the_same_wish() {
    let mut sim = Sim::running(rules(2));
    sim.tell(Event::Stop);
    sim.wait(millis(250));
    assert_eq!(sim.tell(Event::Stop), NOTHING);
    sim.wait(millis(1));
    assert_eq!(sim.tell(Event::Stop), ["kill 1", "kill 2", "main is cut off"]);
    sim.is_killed(1);
    assert_eq!(sim.is_killed(2), ["2/2g0 left, signal 9", "finish: stopped, main cut off"]);
}

#[test]
fn a_stop_with_nothing_to_wait_for_but_main_finishes_with_it() {
    let mut sim = Sim::begun(rules(0));
    assert_eq!(sim.stops(), ["stopping", "refuse", "drain 0", "close"]);
    assert_eq!(sim.main_returns_ok(), ["finish: stopped, main ok"]);
}

#[test]
fn a_stop_before_the_start_starts_nothing() {
    let mut sim = Sim::new(rules(2));
    assert_eq!(sim.stops(), ["stopping", "refuse", "drain 0", "close"]);
    assert_eq!(sim.tell(Event::Begin), NOTHING);
    assert_eq!(sim.main_returns_ok(), ["finish: stopped, main ok"]);
}

#[test]
fn a_main_that_returns_stops_the_program_whatever_it_returned() {
    for ok in [true, false] {
        let mut sim = Sim::running(rules(1));
        assert_eq!(sim.tell(Event::MasterEnded { ok }), ["stopping", "refuse"]);
        assert_eq!(sim.wait(LAST_CALL), ["drain 1"]);
        assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0", "finish: main ended"]);
    }
}

#[test]
fn a_program_that_outlives_its_main_ends_with_its_last_worker() {
    for rules in [without_respawn(2), that_computes(2)] {
        let mut sim = Sim::running(rules);
        assert_eq!(sim.main_returns_ok(), NOTHING);
        assert!(!sim.supervisor.is_stopping());
        sim.exits(1, 0);
        assert!(sim.exits(2, 0).ends_with(&["finish: main ended".to_owned()]));
    }
}

#[test]
fn a_main_that_fails_stops_a_program_that_would_outlive_it() {
    for rules in [without_respawn(1), that_computes(1)] {
        let mut sim = Sim::running(rules);
        sim.tell(Event::MasterEnded { ok: false });
        sim.wait(LAST_CALL);
        assert_eq!(sim.draining(1), NOTHING, "it was told to");
        assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0", "finish: main ended"]);
    }
}

#[test]
fn a_program_that_outlives_its_main_still_stops_by_a_signal() {
    let mut sim = Sim::running(without_respawn(1));
    sim.main_returns_ok();
    assert_eq!(sim.stops(), ["stopping", "refuse", "drain 1", "close"]);
    assert_eq!(sim.exits(1, 0), ["1/1g0 left, code 0", "finish: stopped, main ok"]);
}

#[test]
fn a_main_that_fails_after_a_signal_is_told_with_the_end() {
    let mut sim = Sim::begun(rules(0));
    sim.tell(Event::Stop);
    assert_eq!(sim.tell(Event::MasterEnded { ok: false }), ["finish: stopped, main failed"]);
}

#[test]
fn in_a_stop_that_main_began_the_second_signal_kills() {
    let mut sim = Sim::running(rules(1));
    sim.main_returns_ok();
    sim.wait(secs(1));
    assert_eq!(sim.tell(Event::Stop), NOTHING);
    sim.wait(secs(1));
    assert_eq!(sim.tell(Event::Stop), ["kill 1"]);
    assert_eq!(sim.is_killed(1), ["1/1g0 left, signal 9", "finish: main ended"]);
}

/// Two workers, and load balancers that look away within five seconds.
fn with_delay() -> Sim {
    Sim::running(Rules { drain_delay: secs(5), ..rules(2) })
}

#[test]
fn a_signal_is_news_for_the_drain_delay_before_anything_ends() {
    let mut sim = with_delay();
    assert_eq!(sim.tell(Event::Stop), ["stopping in 5s", "leaving"]);
    assert_eq!(sim.supervisor.serving(), (2, 2));
    assert_eq!(sim.wait(secs(5) - millis(1)), NOTHING);
    assert_eq!(sim.wait(millis(1)), ["refuse"]);
    assert_eq!(sim.wait(LAST_CALL), ["drain 0", "drain 1", "drain 2"]);
    assert_eq!(sim.wait(TELLING), ["close"]);
}

#[test]
fn a_second_signal_does_not_wait_for_the_drain_delay() {
    let mut sim = with_delay();
    sim.tell(Event::Stop);
    sim.wait(secs(1));
    assert_eq!(sim.tell(Event::Stop), ["kill 1", "kill 2", "main is cut off"]);
    sim.is_killed(1);
    assert_eq!(sim.is_killed(2), ["2/2g0 left, signal 9", "finish: stopped, main cut off"]);
}

#[test]
fn who_still_starts_is_not_waited_for_in_the_drain_delay() {
    let mut sim = with_delay();
    sim.exits(1, 1);
    assert_eq!(sim.tell(Event::Stop), ["stopping in 5s", "leaving", "drain 3"]);
}

#[test]
fn a_main_that_returns_or_a_program_that_listens_to_nobody_knows_no_drain_delay() {
    let mut sim = with_delay();
    assert_eq!(sim.main_returns_ok(), ["stopping", "refuse"]);
    let mut sim = Sim::running(Rules { drain_delay: secs(5), ..that_computes(1) });
    assert_eq!(sim.tell(Event::Stop), ["stopping", "drain 0", "drain 1"]);
}
