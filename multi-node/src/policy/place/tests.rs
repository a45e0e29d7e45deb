use super::siblings::{Action, Cpu, Health, LIMIT, Look, PATIENCE, PERIOD, Siblings, reach};
use super::*;

const fn ms(millis: u64) -> Time {
    Duration::from_millis(millis)
}

/// Places `arrivals` (each the node a connection reached) by the rule and returns the loads.
fn placed(nodes: usize, arrivals: impl Iterator<Item = usize>) -> Vec<u32> {
    let mut loads = vec![0; nodes];
    for reached in arrivals {
        place(&mut loads, reached);
    }
    loads
}

fn place(loads: &mut [u32], reached: usize) {
    let slots = 0..=(loads.len() - 1) as Slot;
    let others = others(reached as Slot, slots).map(|slot| (slot, loads[usize::from(slot)]));
    let chosen = emptiest(loads[reached], others).map_or(reached, |(slot, _)| usize::from(slot));
    loads[chosen] += 1;
}

fn spread(loads: &[u32]) -> u32 {
    loads.iter().max().unwrap() - loads.iter().min().unwrap()
}

#[test]
fn loads_stay_within_one_wherever_the_connections_arrive() {
    for nodes in 1..=9 {
        for arrivals in 0..70 {
            let all_at_one = placed(nodes, std::iter::repeat_n(nodes - 1, arrivals));
            let skewed = placed(nodes, (0..arrivals).map(|i| i * i % nodes));
            assert!(spread(&all_at_one) <= 1 && spread(&skewed) <= 1, "{all_at_one:?} {skewed:?}");
        }
    }
}

#[test]
fn new_connections_go_to_the_node_whose_old_ones_closed() {
    let mut loads = placed(4, std::iter::repeat_n(0, 64));
    loads[2] = 3;
    for _ in 0..13 {
        place(&mut loads, 0);
    }
    assert_eq!(loads, [16, 16, 16, 16]);
}

#[test]
fn among_equals_a_connection_stays_where_it_arrived() {
    assert_eq!(emptiest(2, [(1, 2), (2, 2)].into_iter()), None);
    assert_eq!(emptiest(0, [(1, 0)].into_iter()), None);
    assert_eq!(emptiest(2, [(1, 1), (2, 1), (3, 2)].into_iter()), Some((1, 1)));
    assert_eq!(emptiest(5, std::iter::empty::<(Slot, u32)>()), None);
}

#[test]
fn others_go_once_around_the_ring() {
    let around = |slot, serving| others(slot, serving).collect::<Vec<_>>();
    assert_eq!(around(1, 0..=3), [2, 3, 0]);
    assert_eq!(around(3, 0..=3), [0, 1, 2]);
    assert_eq!(around(1, 1..=3), [2, 3]);
    assert_eq!(around(0, 0..=0), Vec::<Slot>::new());
    // A master that does not listen is outside the ring.
    assert_eq!(around(0, 1..=3), [1, 2, 3]);
}

#[test]
fn a_bucket_gives_its_burst_and_then_its_rate() {
    let mut bucket = Bucket::new(ms(0));
    let mut spent_at = |now| {
        let mut spent = 0;
        while bucket.has_token(now) {
            bucket.spend();
            spent += 1;
        }
        spent
    };
    assert_eq!(spent_at(ms(0)), Bucket::BURST);
    assert_eq!(spent_at(ms(2)), 0);
    assert_eq!(spent_at(ms(25)), 2);
    assert_eq!(spent_at(ms(1025)), Bucket::PER_SECOND);
    assert_eq!(spent_at(ms(100_000)), Bucket::BURST);
    // A clock that steps back does no harm.
    assert_eq!(spent_at(ms(0)), 0);
}

#[test]
fn a_steady_excess_is_taken_off_and_a_journey_is_not() {
    let mut drift = Drift::default();
    assert_eq!(drift.observe(ms(0), 5, 3), None);
    assert_eq!(drift.observe(ms(999), 4, 3), None);
    assert_eq!(drift.observe(ms(1000), 6, 3), Some(1), "the smallest excess seen");
    assert_eq!(drift.observe(ms(1001), 5, 3), None);
    assert_eq!(drift.observe(ms(1500), 3, 3), None, "all arrived");
    assert_eq!(drift.observe(ms(2001), 5, 3), None, "counts from anew");
    assert_eq!(drift.observe(ms(2002), 2, 3), None, "never below zero");
}

#[test]
fn a_node_watches_two_that_watch_and_all_before_them() {
    assert_eq!(reach(0, 0..=5, |_| true), [1, 2]);
    assert_eq!(reach(5, 0..=5, |_| true), [0, 1]);
    assert_eq!(reach(0, 0..=5, |slot| slot != 1), [1, 2, 3]);
    assert_eq!(reach(0, 0..=5, |slot| slot > 3), [1, 2, 3, 4, 5]);
    assert_eq!(reach(0, 0..=5, |_| false), [1, 2, 3, 4, 5]);
    assert_eq!(reach(0, 0..=1, |_| true), [1]);
    assert_eq!(reach(0, 0..=0, |_| true), Vec::<Slot>::new());
}

const WELL: Health = Health::Well { progress: 7 };

fn watching(slot: Slot) -> Siblings {
    let mut siblings = Siblings::default();
    siblings.add(slot);
    siblings
}

fn look(health: Health, queued: bool) -> impl Fn(Slot) -> Look {
    move |_| Look { health, queued }
}

/// What a sibling had of the CPUs, when nobody can say.
fn unknown() -> Cpu {
    Cpu::default()
}

fn actions(siblings: &mut Siblings) -> Vec<Action> {
    std::iter::from_fn(|| siblings.poll_action()).collect()
}

#[test]
fn a_family_at_rest_has_no_timer() {
    let mut siblings = watching(3);
    assert_eq!(siblings.poll_timeout(), None);
    siblings.handle_fired(ms(0), 3, WELL, unknown);
    assert_eq!(siblings.poll_timeout(), Some(PERIOD));
    siblings.handle_timeout(PERIOD, look(Health::Well { progress: 8 }, false), |_| unknown());
    assert_eq!(actions(&mut siblings), [], "it was busy: one more look");
    siblings.handle_timeout(PERIOD * 2, look(Health::Well { progress: 8 }, false), |_| unknown());
    assert_eq!(actions(&mut siblings), [Action::Arm(3)]);
    assert_eq!(siblings.poll_timeout(), None);
}

#[test]
fn a_busy_sibling_costs_one_look_a_period_and_is_never_stuck() {
    let mut siblings = watching(3);
    siblings.handle_fired(ms(0), 3, WELL, unknown);
    for round in 1..100 {
        let now = siblings.poll_timeout().unwrap();
        assert_eq!(now, PERIOD * round);
        siblings
            .handle_timeout(now, look(Health::Well { progress: 7 + round }, true), |_| unknown());
        assert_eq!(actions(&mut siblings), []);
        assert_eq!(siblings.taking(), None);
    }
}

#[test]
fn a_sibling_that_leaves_its_queue_alone_is_marked_and_taken_from() {
    let mut siblings = watching(3);
    siblings.handle_fired(ms(0), 3, WELL, unknown);
    siblings.handle_timeout(PERIOD, look(WELL, true), |_| unknown());
    assert_eq!(actions(&mut siblings), [Action::MarkStuck(3)]);
    assert_eq!(siblings.taking(), Some(3));
    siblings.handle_taken(3);
    assert_eq!(actions(&mut siblings), [Action::Arm(3)]);
    assert_eq!(siblings.taking(), None);
}

#[test]
fn a_connection_waits_two_periods_at_most() {
    // Every moment of progress and of arrival, a millisecond apart, before the sibling hangs.
    for progress_at in 0..PERIOD.as_millis() as u64 {
        for arrival in progress_at..progress_at + 60 {
            let waited = wait_of_one_that_hangs(progress_at, arrival);
            assert!(waited <= PERIOD * 2, "{progress_at} {arrival}: {waited:?}");
        }
    }
}

/// Something fires at 0; the sibling accepts until `progress_at`, then hangs; a connection comes
/// at `arrival`. How long until it is taken?
fn wait_of_one_that_hangs(progress_at: u64, arrival: u64) -> Time {
    let mut siblings = watching(3);
    siblings.handle_fired(ms(0), 3, WELL, unknown);
    let mut armed = false;
    for now in (0..1000).map(ms) {
        let queued = now >= ms(arrival);
        let health = Health::Well { progress: 7 + u32::from(now >= ms(progress_at)) };
        if armed && queued {
            siblings.handle_fired(now, 3, health, unknown);
            armed = false;
        }
        if siblings.poll_timeout() == Some(now) {
            siblings.handle_timeout(now, look(health, queued), |_| unknown());
        }
        armed |= actions(&mut siblings).contains(&Action::Arm(3));
        if siblings.taking().is_some() {
            return now - ms(arrival);
        }
    }
    panic!("stranded");
}

#[test]
fn a_short_wait_is_no_hang() {
    let mut siblings = Siblings::default();
    siblings.add(3);
    siblings.add(4);
    siblings.handle_fired(ms(0), 3, WELL, unknown);
    // Fires shortly before the look that 3 asked for.
    siblings.handle_fired(PERIOD - PATIENCE / 2, 4, WELL, unknown);
    siblings.handle_timeout(PERIOD, |slot| Look { health: WELL, queued: slot == 4 }, |_| unknown());
    assert_eq!(siblings.taking(), None);
    siblings.handle_timeout(PERIOD * 2, look(WELL, true), |_| unknown());
    assert_eq!(siblings.taking(), Some(4));
}

#[test]
fn a_sibling_is_stuck_by_the_time_in_which_it_could_have_looked() {
    // Shares of the time since something queued, in percent, and when it is taken.
    let asleep = |delayed| (false, 0, delayed);
    let busy = |ran| (true, ran, 0);
    for (name, (runnable, ran, delayed), taken_at) in [
        ("hangs asleep", asleep(0), PERIOD),
        ("hangs asleep after a short wait for a CPU", asleep(25), PERIOD),
        ("had no CPU half of the time", asleep(50), PERIOD * 2),
        ("had no CPU most of the time", asleep(90), PERIOD * 7),
        ("hangs busy", busy(100), PERIOD),
        ("hangs busy on a machine for four", busy(25), PERIOD * 3),
        ("hangs busy on a machine for ten", busy(10), PERIOD * 7),
        ("never gets a CPU", busy(0), LIMIT),
        ("has a CPU for a moment now and then", asleep(99), LIMIT),
    ] {
        let mut siblings = watching(3);
        let cpu = |now: Time| Cpu {
            runnable,
            ran: ms(5000) + now * ran / 100,
            delayed: ms(7000) + now * delayed / 100,
        };
        siblings.handle_fired(ms(0), 3, WELL, || cpu(ms(0)));
        while siblings.taking().is_none() {
            let now = siblings.poll_timeout().expect(name);
            siblings.handle_timeout(now, look(WELL, true), |_| cpu(now));
            let taken = siblings.taking().is_some();
            assert_eq!(taken, now >= taken_at, "{name}: {now:?}");
        }
    }
}

#[test]
fn a_sibling_that_got_a_cpu_at_last_is_not_stuck() {
    let mut siblings = watching(3);
    let starved = |_| Cpu { runnable: true, ..unknown() };
    siblings.handle_fired(ms(0), 3, WELL, unknown);
    for round in 1..=5 {
        siblings.handle_timeout(PERIOD * round, look(WELL, true), starved);
    }
    let moved = Health::Well { progress: 8 };
    let since = PERIOD * 6;
    siblings.handle_timeout(since, look(moved, true), |_| Cpu { delayed: since, ..unknown() });
    assert_eq!((siblings.taking(), actions(&mut siblings)), (None, vec![]));
    // What it waited before it moved excuses nothing that comes after.
    siblings.handle_timeout(PERIOD * 7, look(moved, true), |_| Cpu { delayed: since, ..unknown() });
    assert_eq!(siblings.taking(), Some(3));
}

#[test]
fn the_cpu_is_asked_only_about_what_waits_at_a_sibling_that_is_well() {
    let unasked = || panic!("asked");
    let mut siblings = watching(3);
    siblings.handle_fired(ms(0), 3, WELL, unknown);
    siblings.handle_fired(ms(0), 3, WELL, unasked);
    siblings.handle_timeout(PERIOD, look(Health::Well { progress: 8 }, false), |_| unasked());
    siblings.handle_timeout(PERIOD * 2, look(Health::Well { progress: 8 }, false), |_| unasked());
    siblings.handle_fired(PERIOD * 3, 3, Health::Unwell, unasked);
    assert_eq!(siblings.taking(), Some(3));
}

#[test]
fn what_queues_at_an_unwell_sibling_is_taken_at_once() {
    let mut siblings = watching(3);
    siblings.handle_fired(ms(0), 3, Health::Unwell, unknown);
    assert_eq!(siblings.taking(), Some(3));
    assert_eq!(siblings.poll_timeout(), None);
    assert_eq!(actions(&mut siblings), []);
}

#[test]
fn a_sibling_that_dies_under_observation_is_taken_from() {
    let mut siblings = watching(3);
    siblings.handle_fired(ms(0), 3, WELL, unknown);
    siblings.handle_timeout(PERIOD, look(Health::Unwell, true), |_| unknown());
    assert_eq!(siblings.taking(), Some(3));
}

#[test]
fn a_sibling_that_does_not_listen_is_asked_once_a_period() {
    let mut siblings = watching(3);
    siblings.handle_fired(ms(0), 3, Health::Unwell, unknown);
    siblings.handle_refused(ms(0), 3);
    assert_eq!((siblings.taking(), siblings.poll_timeout()), (None, Some(PERIOD)));
    siblings.handle_timeout(PERIOD, look(Health::Unwell, false), |_| unknown());
    assert_eq!(actions(&mut siblings), [Action::Arm(3)]);
}

#[test]
fn who_accepts_apart_is_relieved_but_never_marked() {
    let mut siblings = watching(3);
    siblings.handle_fired(ms(0), 3, Health::Apart, unknown);
    siblings.handle_timeout(PERIOD, look(Health::Apart, true), |_| unknown());
    assert_eq!(siblings.taking(), Some(3));
    assert_eq!(actions(&mut siblings), []);
}

#[test]
fn a_sibling_no_longer_watched_is_forgotten() {
    let mut siblings = watching(3);
    siblings.handle_fired(ms(0), 3, WELL, unknown);
    siblings.handle_timeout(PERIOD, look(WELL, true), |_| unknown());
    siblings.remove(3);
    siblings.handle_fired(PERIOD, 3, Health::Unwell, unknown);
    siblings.handle_taken(3);
    assert_eq!(siblings.taking(), None);
    assert_eq!(actions(&mut siblings), []);
}
