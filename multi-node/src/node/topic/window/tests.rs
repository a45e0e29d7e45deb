use std::task::Waker;

use super::*;

fn full(charged: Result<bool, TrySendError>) -> bool {
    charged == Err(TrySendError::Full)
}

#[test]
fn a_window_takes_what_fits_and_is_refilled_by_credit() {
    let mut window = Window::new(Some(100));
    assert_eq!(window.charge(60), Ok(true));
    assert!(full(window.charge(60)));
    assert_eq!(window.charge(40), Ok(true));
    assert!(full(window.charge(1)));
    assert!(window.credit(60).is_none());
    assert_eq!(window.charge(60), Ok(true));
}

#[test]
fn what_the_other_side_may_keep_to_itself_never_holds_up_a_message() {
    let mut window = Window::new(Some(100));
    assert_eq!(window.charge(unsaid(100)), Ok(true));
    assert_eq!(window.charge(1_000), Ok(true));
    assert!(full(window.charge(1)));
}

#[test]
fn without_a_size_nothing_is_charged() {
    let mut window = Window::new(None);
    assert_eq!(window.charge(usize::MAX), Ok(false));
    assert!(window.resize(Some(10)).is_none());
    assert_eq!(window.charge(10), Ok(true));
    assert!(full(window.charge(1)));
}

#[test]
fn those_who_wait_go_in_order_and_before_those_who_come() {
    let mut window = Window::new(Some(100));
    assert_eq!(window.charge(100), Ok(true));
    let (first, second) = (window.queue(Waker::noop()), window.queue(Waker::noop()));
    assert!(window.credit(100).is_some());
    assert!(full(window.charge(1)));
    assert!(full(window.charge_in_turn(second, 10, Waker::noop())));
    assert_eq!(window.charge_in_turn(first, 10, Waker::noop()), Ok(true));
    assert!(window.leave(first).is_some());
    assert_eq!(window.charge_in_turn(second, 10, Waker::noop()), Ok(true));
    assert!(window.leave(second).is_none());
    assert_eq!(window.charge(10), Ok(true));
}

#[test]
fn a_closed_window_lets_all_go_who_wait() {
    let mut window = Window::new(Some(10));
    assert_eq!(window.charge(10), Ok(true));
    let waiting = [window.queue(Waker::noop()), window.queue(Waker::noop())];
    assert_eq!(window.close(CloseReason::Ended).count(), 2);
    let closed = Err(SendError::Closed { reason: CloseReason::Ended }.into());
    for ticket in waiting.into_iter().rev() {
        assert_eq!(window.charge_in_turn(ticket, 1, Waker::noop()), closed);
    }
    assert_eq!(window.charge(1), closed);
}

#[test]
fn the_first_missed_message_is_said_and_the_rest_counted() {
    let mut window = Window::new(None);
    assert!(!window.has_missed());
    assert!(window.miss());
    assert!(!window.miss());
    assert_eq!(window.missed(), 2);
    assert!(!window.miss());
    assert!(window.told_missed(2));
    assert!(!window.told_missed(1));
    assert!(window.miss());
}
