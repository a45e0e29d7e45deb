//! Nodes whose runtime does not answer any more.

use super::*;

fn hangs(sim: &mut Sim, node: u64) -> Vec<String> {
    let node = NodeId(node);
    sim.tell(Event::Hung { node })
}

#[test]
fn a_worker_that_hangs_is_aborted_and_its_successor_does_not_wait_for_its_end() {
    let mut sim = Sim::running(rules(2));
    assert_eq!(
        hangs(&mut sim, 1),
        ["1/1g0 hangs", "abort 1", "1/1g0 died Ready, hung: Respawn { after: 0ns }", "spawn 3/1g0"]
    );
    assert_eq!(hangs(&mut sim, 1), NOTHING);
    assert_eq!(sim.supervisor.serving(), (1, 2));
    let aborted = ExitStatus::Signal { signal: 6, core: true };
    let exited = Event::Exited { node: NodeId(1), status: aborted };
    assert_eq!(sim.tell(exited), ["1/1g0 left, signal 6"]);
}

#[test]
fn five_seconds_later_it_is_killed() {
    let mut sim = Sim::running(rules(1));
    hangs(&mut sim, 1);
    sim.ready(2);
    assert_eq!(sim.wait(ABORT_TIMEOUT - millis(1)), NOTHING);
    assert_eq!(sim.wait(millis(1)), ["1/1g0 overran its abort", "kill 1"]);
    assert_eq!(sim.is_killed(1), ["1/1g0 left, signal 9"]);
}

#[test]
fn workers_that_hang_in_a_row_back_off() {
    let mut sim = Sim::running(rules(1));
    hangs(&mut sim, 1);
    sim.ready(2);
    assert_eq!(hangs(&mut sim, 2).len(), 3, "nothing is spawned yet");
    let (wait, spawned) = sim.wait_for_timeout();
    assert!(millis(90) <= wait && wait <= millis(110));
    assert_eq!(spawned, ["spawn 3/1g0"]);
}

#[test]
fn one_that_starts_or_drains_has_its_own_deadline() {
    let mut sim = Sim::running(rules(2));
    sim.wait(secs(5));
    sim.draining(1);
    assert_eq!(hangs(&mut sim, 1), NOTHING);
    assert_eq!(hangs(&mut sim, 3), NOTHING);
}

#[test]
fn a_successor_that_hangs_fails_its_reload() {
    let mut sim = Sim::running(rules(2));
    sim.reloads();
    sim.ready(3);
    assert_eq!(
        hangs(&mut sim, 3),
        [
            "3/1g1 hangs",
            "abort 3",
            "3/1g1 died Ready, hung: FailsReload",
            "reload to g1 failed: 3/1g1 hung",
            "drain 4",
            "discard g1"
        ]
    );
}

#[test]
fn the_masters_own_node_is_named_and_counts_as_not_serving_until_it_answers_again() {
    let mut sim = Sim::running(with_master(2));
    assert_eq!(sim.supervisor.serving(), (2, 2));
    assert_eq!(hangs(&mut sim, 0), ["0/0g0 hangs"]);
    assert_eq!(hangs(&mut sim, 0), NOTHING);
    assert_eq!(sim.supervisor.serving(), (1, 2));
    assert_eq!(sim.wait(secs(3600)), NOTHING);
    let recovered = Event::Recovered { node: NodeId(0) };
    assert_eq!(sim.tell(recovered.clone()), ["0 recovered"]);
    assert_eq!(sim.tell(recovered), NOTHING);
    assert_eq!(sim.supervisor.serving(), (2, 2));
}

#[test]
fn a_worker_that_hangs_in_a_stop_is_aborted_and_its_end_is_waited_for() {
    let mut sim = Sim::running(rules(1));
    sim.tell(Event::Stop);
    assert_eq!(hangs(&mut sim, 1), ["1/1g0 hangs", "abort 1"]);
    assert_eq!(sim.wait(LAST_CALL), ["drain 0"]);
    sim.main_returns_ok();
    assert_eq!(
        sim.wait(ABORT_TIMEOUT + KILL_TIMEOUT),
        [
            "close",
            "1/1g0 overran its abort",
            "kill 1",
            "1/1g0 is not reaped",
            "finish: stopped, main ok"
        ]
    );
}

#[test]
fn a_second_signal_kills_who_was_aborted() {
    let mut sim = Sim::running(rules(1));
    hangs(&mut sim, 1);
    sim.tell(Event::Stop);
    sim.wait(secs(1));
    assert!(sim.tell(Event::Stop).contains(&"kill 1".to_owned()));
}
