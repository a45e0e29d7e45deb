//! Events that come late, twice, too early or from nobody.

use super::*;

#[test]
fn events_about_unknown_nodes_change_nothing() {
    let mut sim = Sim::running(rules(1));
    let before = sim.supervisor.poll_timeout();
    for node in [0, 7] {
        assert_eq!(sim.ready(node), NOTHING);
        assert_eq!(sim.draining(node), NOTHING);
        assert_eq!(sim.exits(node, 1), NOTHING);
        assert_eq!(sim.spawn_fails(node), NOTHING);
        let node = NodeId(node);
        assert_eq!(sim.tell(Event::Spawned { node, pid: 7 }), NOTHING);
    }
    assert_eq!(sim.supervisor.poll_timeout(), before);
    assert_eq!(sim.supervisor.workers().count(), 1);
}

#[test]
fn a_death_told_twice_counts_once() {
    let mut sim = Sim::running(rules(1));
    assert_eq!(sim.exits(1, 1).len(), 2);
    assert_eq!(sim.exits(1, 1), NOTHING);
}

#[test]
fn a_spawn_told_twice_counts_once() {
    let mut sim = Sim::running(rules(1));
    sim.stops();
    let node = NodeId(1);
    assert_eq!(sim.tell(Event::Spawned { node, pid: 7 }), NOTHING);
    let (who, _) = sim.supervisor.workers().next().unwrap();
    assert_eq!(who.pid, Some(pid_of(node)));
}

#[test]
fn a_killed_worker_that_says_ready_stays_killed() {
    let mut sim = Sim::running(rules(1));
    sim.exits(1, 1);
    sim.wait(START_TIMEOUT);
    assert_eq!(sim.ready(2), NOTHING);
    assert_eq!(sim.draining(2), NOTHING);
    assert_eq!(sim.supervisor.workers().next().unwrap().1, Stage::Killed);
}

#[test]
fn a_ready_told_twice_does_not_restart_the_health() {
    let mut sim = Sim::running(rules(1));
    sim.exits(1, 1);
    sim.ready(2);
    sim.wait(secs(29));
    sim.ready(2);
    sim.wait(secs(1));
    assert_eq!(sim.exits(2, 1).len(), 2, "healthy: respawned at once");
}

#[test]
fn nothing_is_told_to_a_process_that_was_not_reported_spawned() {
    let mut sim = Sim::new(rules(2));
    sim.answers_spawns = false;
    sim.tell(Event::Begin);
    assert_eq!(sim.tell(Event::Stop), ["stopping", "refuse"]);
    let spawned = |node| Event::Spawned { node: NodeId(node), pid: 7 };
    assert_eq!(sim.tell(spawned(1)), ["drain 1"]);
    sim.wait(secs(1));
    assert_eq!(sim.tell(Event::Stop), ["kill 1", "main is cut off"]);
    sim.is_killed(1);
    assert_eq!(
        sim.wait(secs(3600)),
        NOTHING,
        "the spawn is under way, so the program cannot leave"
    );
    assert_eq!(sim.tell(spawned(2)), ["kill 2"]);
    assert_eq!(sim.wait(KILL_TIMEOUT - millis(1)), NOTHING);
    assert_eq!(sim.is_killed(2), ["2/2g0 left, signal 9", "finish: stopped, main cut off"]);
}

#[test]
fn a_spawn_that_was_not_polled_when_the_stop_came_never_comes() {
    let mut supervisor = Supervisor::new(rules(3), 1);
    supervisor.handle_event(secs(0), Event::Begin);
    assert!(matches!(supervisor.poll_action(), Some(Action::Spawn { .. })));
    supervisor.handle_event(secs(0), Event::Stop);
    assert_eq!(supervisor.poll_action(), Some(Action::Notice(Notice::Stopping { delay: secs(0) })));
    assert_eq!(supervisor.poll_action(), Some(Action::Refuse));
    assert_eq!(supervisor.poll_action(), None);
    assert_eq!(supervisor.workers().count(), 1);
}

#[test]
fn a_timeout_that_is_not_due_changes_nothing() {
    let mut sim = Sim::begun(rules(2));
    sim.ready(1);
    let due = sim.supervisor.poll_timeout();
    for time in [secs(0), sim.now, due.unwrap() - Duration::from_nanos(1)] {
        sim.supervisor.handle_timeout(time);
        assert_eq!(sim.answers(), NOTHING);
        assert_eq!(sim.supervisor.poll_timeout(), due);
    }
}

#[test]
fn after_the_finish_nothing_comes_any_more() {
    let mut sim = Sim::running(rules(1));
    sim.tell(Event::Stop);
    sim.main_returns_ok();
    assert!(sim.exits(1, 0).last().unwrap().starts_with("finish"));
    for event in [Event::Begin, Event::Stop, Event::Reload, Event::MasterEnded { ok: false }] {
        assert_eq!(sim.tell(event), NOTHING);
    }
    assert_eq!(sim.ready(1), NOTHING);
    assert_eq!(sim.wait(secs(3600)), NOTHING);
}

#[test]
fn the_view_names_every_process_and_its_stage() {
    let mut sim = Sim::running(rules(2));
    sim.wait(secs(5));
    sim.draining(2);
    let view: Vec<(String, Stage)> =
        sim.supervisor.workers().map(|(who, stage)| (name(&who), stage)).collect();
    assert_eq!(
        view,
        [
            ("1/1g0".to_owned(), Stage::Ready),
            ("2/2g0".to_owned(), Stage::Draining),
            ("3/2g0".to_owned(), Stage::Starting)
        ]
    );
}

#[test]
fn every_start_and_every_readiness_is_news_once() {
    let mut supervisor = Supervisor::new(rules(1), 1);
    let mut news = Vec::new();
    let node = NodeId(1);
    let spawned = Event::Spawned { node, pid: 7 };
    let ready = Event::Ready { node };
    for event in [Event::Begin, spawned.clone(), spawned, ready.clone(), ready] {
        supervisor.handle_event(secs(0), event);
        while let Some(action) = supervisor.poll_action() {
            news.push(line(&action));
        }
    }
    assert_eq!(news, ["spawn 1/1g0", "1/1g0 spawned", "1/1g0 ready"]);
}

#[test]
fn the_time_to_get_ready_begins_when_the_process_is_started() {
    let mut supervisor = Supervisor::new(rules(1), 0);
    supervisor.handle_event(Duration::ZERO, Event::Begin);
    while supervisor.poll_action().is_some() {}
    assert_eq!(supervisor.poll_timeout(), Some(START_TIMEOUT));
    supervisor.handle_event(secs(5), Event::Spawned { node: NodeId(1), pid: 7 });
    assert_eq!(supervisor.poll_timeout(), Some(secs(5) + START_TIMEOUT));
}
