//! The exact messages, in simulated time.

use std::time::Duration;

use super::{Serving, Status, Telling};

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

#[test]
fn ready_is_told_once_all_wanted_nodes_serve_and_never_again_for_a_death() {
    let mut status = Status::starting(None);
    status.serves(serving(0, 0));
    status.serves(serving(3, 0));
    status.serves(serving(3, 0));
    status.serves(serving(4, 0));
    assert_eq!(
        told(&mut status),
        [
            vec![line("0 of 4 nodes, generation 0")],
            vec![line("3 of 4 nodes, generation 0")],
            vec![Telling::Ready, line("4 of 4 nodes, generation 0")],
        ]
    );
    status.serves(serving(3, 0));
    status.serves(serving(4, 0));
    assert_eq!(
        told(&mut status),
        [[line("3 of 4 nodes, generation 0")], [line("4 of 4 nodes, generation 0")]]
    );
}

#[test]
fn a_program_that_wants_no_worker_is_ready_when_it_starts() {
    let mut status = Status::starting(None);
    status.serves(Serving { live: 0, wanted: 0, generation: 0 });
    assert_eq!(told(&mut status), [[Telling::Ready, line("0 of 0 nodes, generation 0")]]);
}

#[test]
fn a_reload_is_told_at_its_begin_and_at_its_end() {
    let mut status = up();
    status.reload_began(1);
    status.reload_ended();
    status.serves(serving(4, 1));
    assert_eq!(
        told(&mut status),
        [
            vec![Telling::Reloading, line("4 of 4 nodes, generation 0, reloading to generation 1")],
            vec![Telling::Ready, line("4 of 4 nodes, generation 0")],
            vec![line("4 of 4 nodes, generation 1")],
        ]
    );
}

#[test]
fn a_failed_reload_is_ready_again_and_its_reason_stands_until_the_next_one() {
    let mut status = up();
    status.reload_began(1);
    status.reload_failed(1, "node 5\nMAINPID=1");
    let failed = "the reload to generation 1 failed: node 5 MAINPID=1";
    assert_eq!(
        told(&mut status)[1],
        [Telling::Ready, line(&format!("4 of 4 nodes, generation 0; {failed}"))]
    );
    status.serves(serving(3, 0));
    assert_eq!(
        told(&mut status),
        [[line(&format!("3 of 4 nodes, generation 0; {failed}"))]],
        "a death does not hide why"
    );
    status.reload_began(2);
    status.reload_ended();
    let messages = told(&mut status);
    assert_eq!(messages[1], [Telling::Ready, line("3 of 4 nodes, generation 0")]);
}

#[test]
fn a_reload_while_the_program_starts_is_part_of_the_start() {
    let mut status = Status::starting(None);
    status.serves(serving(1, 0));
    status.reload_began(1);
    status.reload_ended();
    assert_eq!(told(&mut status), [[line("1 of 4 nodes, generation 0")]]);
    status.serves(serving(4, 1));
    assert_eq!(told(&mut status), [[Telling::Ready, line("4 of 4 nodes, generation 1")]]);
}

#[test]
fn a_master_that_replaced_itself_is_ready_when_the_reload_is_over_and_not_before() {
    let mut status = Status::replaced(Duration::from_secs(9), None);
    status.serves(serving(4, 1));
    assert_eq!(told(&mut status), [[line("4 of 4 nodes, generation 1, reloading")]]);
    status.reload_ended();
    assert_eq!(told(&mut status), [[Telling::Ready, line("4 of 4 nodes, generation 1")]]);
}

#[test]
fn a_scale_changes_the_line_alone() {
    let mut status = up();
    status.serves(Serving { live: 4, wanted: 5, generation: 0 });
    status.serves(Serving { live: 5, wanted: 5, generation: 0 });
    assert_eq!(
        told(&mut status),
        [[line("4 of 5 nodes, generation 0")], [line("5 of 5 nodes, generation 0")]]
    );
}

#[test]
fn a_stop_is_told_once_and_counts_nobody_any_more() {
    let mut status = up();
    status.reload_began(1);
    told(&mut status);
    status.stops();
    status.stops();
    status.serves(serving(2, 0));
    status.reload_failed(1, "the program stops");
    assert_eq!(told(&mut status), [[Telling::Stopping, line("stopping")]]);
}

#[test]
fn a_program_that_cannot_start_says_why() {
    let mut status = Status::starting(None);
    status.fails("no worker ever got ready");
    assert_eq!(
        told(&mut status),
        [vec![Telling::Stopping], vec![line("no worker ever got ready")]]
    );
}

#[test]
fn the_watchdog_hears_of_supervision_twice_in_its_period_from_the_start_to_the_end() {
    let mut status = Status::starting(Some(Duration::from_secs(20)));
    let mut pings = Vec::new();
    while let Some(due) = status.poll_timeout().filter(|due| *due < Duration::from_secs(35)) {
        if due > Duration::from_secs(15) {
            status.stops();
        }
        status.handle_timeout(due);
        pings.push(due.as_secs());
    }
    assert_eq!(pings, [0, 10, 20, 30]);
    let heard = told(&mut status);
    assert_eq!(heard.iter().filter(|message| **message == [Telling::Watchdog]).count(), 4);
}

#[test]
fn supervision_that_was_late_shows_itself_once_and_not_for_what_it_missed() {
    let mut status = Status::starting(Some(Duration::from_secs(20)));
    status.handle_timeout(Duration::from_secs(35));
    assert_eq!(told(&mut status), [[Telling::Watchdog]]);
    assert_eq!(status.poll_timeout(), Some(Duration::from_secs(45)));
    status.handle_timeout(Duration::from_secs(44));
    assert_eq!(told(&mut status), [[Telling::Watchdog]; 0]);
}

#[test]
fn who_replaced_itself_shows_itself_to_the_watchdog_at_once() {
    let status = Status::replaced(Duration::from_secs(9), Some(Duration::from_secs(20)));
    assert_eq!(status.poll_timeout(), Some(Duration::from_secs(9)));
}

#[test]
fn without_a_watchdog_there_is_nothing_to_wait_for() {
    for watchdog in [None, Some(Duration::ZERO)] {
        assert_eq!(Status::starting(watchdog).poll_timeout(), None);
    }
}
