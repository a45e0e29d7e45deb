//! The exact messages, in simulated time.

use std::time::Duration;

use super::{Serving, Status, Telling};

const NOTHING: [[Telling; 0]; 0] = [];

fn serving(live: u16, generation: u32) -> Serving {
    Serving { live, wanted: 4, generation }
}

fn line(text: &str) -> Telling {
    Telling::Status(text.to_owned())
}

fn told(status: &mut Status) -> Vec<Vec<Telling>> {
    std::iter::from_fn(|| status.poll()).collect()
}

/// A program all of whose nodes serve, of which all was told.
fn up() -> Status {
    let mut status = Status::starting(None);
    status.serves(serving(4, 0));
    told(&mut status);
    status
}

/// What is told once so many of four nodes serve.
fn serves(status: &mut Status, live: u16, generation: u32) -> Vec<Vec<Telling>> {
    status.serves(serving(live, generation));
    told(status)
}

#[test]
fn ready_is_told_once_all_wanted_nodes_serve_and_never_again_for_a_death() {
    let mut status = Status::starting(None);
    assert_eq!(serves(&mut status, 0, 0), [[line("0 of 4 nodes, generation 0")]]);
    assert_eq!(serves(&mut status, 3, 0), [[line("3 of 4 nodes, generation 0")]]);
    assert_eq!(serves(&mut status, 3, 0), NOTHING, "no news");
    let all = line("4 of 4 nodes, generation 0");
    assert_eq!(serves(&mut status, 4, 0), [[Telling::Ready, all.clone()]]);
    assert_eq!(serves(&mut status, 3, 0), [[line("3 of 4 nodes, generation 0")]]);
    assert_eq!(serves(&mut status, 4, 0), [[all]]);
}

#[test]
fn a_program_that_only_computes_is_ready_when_it_starts() {
    let mut status = Status::computing(None);
    let none = line("0 of 4 nodes, generation 0");
    assert_eq!(serves(&mut status, 0, 0), [[Telling::Ready, none]]);
    assert_eq!(serves(&mut status, 4, 0), [[line("4 of 4 nodes, generation 0")]]);
}

#[test]
fn a_reload_is_told_at_its_begin_and_at_its_end() {
    let mut status = up();
    status.reload_began(1);
    let reloading = line("4 of 4 nodes, generation 0, reloading to generation 1");
    assert_eq!(told(&mut status), [[Telling::Reloading, reloading]]);
    status.reload_ended();
    assert_eq!(serves(&mut status, 4, 1), [[Telling::Ready, line("4 of 4 nodes, generation 1")]]);
}

#[test]
fn a_reload_that_follows_at_once_is_one_of_its_own() {
    let mut status = up();
    status.reload_began(1);
    told(&mut status);
    status.reload_ended();
    status.reload_began(2);
    let reloading = line("4 of 4 nodes, generation 1, reloading to generation 2");
    assert_eq!(
        serves(&mut status, 4, 1),
        [vec![Telling::Ready], vec![Telling::Reloading, reloading]]
    );
}

#[test]
fn a_failed_reload_is_ready_again_and_its_reason_stands_until_the_next_one() {
    let mut status = up();
    status.reload_began(1);
    told(&mut status);
    status.reload_failed(1, "node 5\nMAINPID=1");
    let failed = "the reload to generation 1 failed: node 5 MAINPID=1";
    let with = |live| line(&format!("{live} of 4 nodes, generation 0; {failed}"));
    assert_eq!(told(&mut status), [[Telling::Ready, with(4)]]);
    assert_eq!(serves(&mut status, 3, 0), [[with(3)]], "a death does not hide why");
    status.reload_began(2);
    told(&mut status);
    status.reload_ended();
    assert_eq!(serves(&mut status, 4, 2), [[Telling::Ready, line("4 of 4 nodes, generation 2")]]);
}

#[test]
fn a_reload_while_the_program_starts_is_part_of_the_start() {
    let mut status = Status::starting(None);
    serves(&mut status, 1, 0);
    status.reload_began(1);
    status.reload_ended();
    assert_eq!(serves(&mut status, 1, 1), [[line("1 of 4 nodes, generation 1")]]);
    assert_eq!(serves(&mut status, 4, 1), [[Telling::Ready, line("4 of 4 nodes, generation 1")]]);
}

#[test]
fn a_master_that_replaced_itself_is_ready_when_the_reload_is_over_and_not_before() {
    let mut status = Status::replaced(None);
    assert_eq!(serves(&mut status, 4, 1), [[line("4 of 4 nodes, generation 1, reloading")]]);
    status.reload_ended();
    assert_eq!(told(&mut status), [[Telling::Ready, line("4 of 4 nodes, generation 1")]]);
}

#[test]
fn a_scale_changes_the_line_alone() {
    let mut status = up();
    for live in [4, 5] {
        status.serves(Serving { live, wanted: 5, generation: 0 });
        let text = format!("{live} of 5 nodes, generation 0");
        assert_eq!(told(&mut status), [[line(&text)]]);
    }
}

#[test]
fn a_stop_is_told_once_and_counts_nobody_any_more() {
    let mut status = up();
    status.reload_began(1);
    told(&mut status);
    status.stops();
    assert_eq!(told(&mut status), [[Telling::Stopping, line("stopping")]]);
    status.stops();
    status.reload_failed(1, "the program stops");
    assert_eq!(serves(&mut status, 2, 0), NOTHING);
}

#[test]
fn a_program_that_cannot_start_says_why() {
    let mut status = Status::starting(None);
    status.fails("no worker ever got ready");
    assert_eq!(told(&mut status), [[Telling::Stopping, line("no worker ever got ready")]]);
}

#[test]
fn the_watchdog_hears_of_supervision_twice_in_its_period_from_the_start_to_the_end() {
    let mut status = Status::starting(Some(Duration::from_secs(20)));
    let mut heard = Vec::new();
    while let Some(due) = status.poll_timeout().filter(|due| *due < Duration::from_secs(35)) {
        if due > Duration::from_secs(15) {
            status.stops();
            told(&mut status);
        }
        status.handle_timeout(due);
        assert_eq!(told(&mut status), [[Telling::Watchdog]]);
        heard.push(due.as_secs());
    }
    assert_eq!(heard, [0, 10, 20, 30]);
}

#[test]
fn supervision_that_was_late_shows_itself_once_and_not_for_what_it_missed() {
    let mut status = Status::starting(Some(Duration::from_secs(20)));
    status.handle_timeout(Duration::from_secs(35));
    assert_eq!(told(&mut status), [[Telling::Watchdog]]);
    assert_eq!(status.poll_timeout(), Some(Duration::from_secs(45)));
    status.handle_timeout(Duration::from_secs(44));
    assert_eq!(told(&mut status), NOTHING);
}

#[test]
fn without_a_watchdog_there_is_nothing_to_wait_for() {
    for watchdog in [None, Some(Duration::ZERO)] {
        assert_eq!(Status::starting(watchdog).poll_timeout(), None);
    }
}
