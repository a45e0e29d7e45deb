use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Wake;

use super::*;

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

fn poll(waiting: &mut Waiting<u32>, id: Id) -> Poll<Result<Answer<u32>, CloseReason>> {
    waiting.poll(id, &mut Context::from_waker(Waker::noop()))
}

fn answer(waiting: &mut Waiting<u32>, id: Id, reply: u32) -> Settled<u32> {
    waiting.answer(id, Answer::Reply(reply)).0
}

#[test]
fn an_answer_wakes_its_asker_and_is_taken_once() {
    let (mut waiting, woken) = (Waiting::new(), Arc::new(Woken::default()));
    let (one, other) = (waiting.begin().unwrap(), waiting.begin().unwrap());
    let waker = Waker::from(Arc::clone(&woken));
    assert!(waiting.poll(one, &mut Context::from_waker(&waker)).is_pending());
    assert!(poll(&mut waiting, other).is_pending());
    let (settled, waker) = waiting.answer(one, Answer::Reply(1));
    assert_eq!(settled, Settled::Kept);
    waker.expect("someone waits").wake();
    assert_eq!(woken.0.load(Relaxed), 1);
    assert_eq!(poll(&mut waiting, one), Poll::Ready(Ok(Answer::Reply(1))));
    assert_eq!(waiting.leave(one, false), Left::Free(None));
    assert!(poll(&mut waiting, other).is_pending());
}

#[test]
fn a_place_is_used_again_under_another_name_and_late_answers_are_nobodys() {
    let mut waiting = Waiting::new();
    let first = waiting.begin().unwrap();
    assert_eq!(answer(&mut waiting, first, 1), Settled::Kept);
    assert_eq!(answer(&mut waiting, first, 2), Settled::Unasked(Answer::Reply(2)));
    assert_eq!(waiting.leave(first, false), Left::Free(Some(Answer::Reply(1))));
    let second = waiting.begin().unwrap();
    assert_eq!((first.place(), first == second), (second.place(), false));
    assert_eq!(answer(&mut waiting, first, 3), Settled::Unasked(Answer::Reply(3)));
    assert!(poll(&mut waiting, second).is_pending());
}

#[test]
fn what_was_given_up_keeps_its_place_until_it_is_answered() {
    let mut waiting = Waiting::<u32>::new();
    let given_up = waiting.begin().unwrap();
    assert_eq!(waiting.leave(given_up, true), Left::Abandoned);
    assert_ne!(waiting.begin().unwrap().place(), given_up.place());
    let settled = waiting.answer(given_up, Answer::Nothing).0;
    assert_eq!(settled, Settled::Freed(Answer::Nothing));
    assert_eq!(waiting.begin().unwrap().place(), given_up.place());
}

#[test]
fn what_was_never_sent_leaves_at_once() {
    let mut waiting = Waiting::<u32>::new();
    let unsent = waiting.begin().unwrap();
    assert_eq!(waiting.leave(unsent, false), Left::Free(None));
    assert_eq!(waiting.begin().unwrap().place(), unsent.place());
}

#[test]
fn the_end_answers_all_but_those_who_have_their_answer() {
    let mut waiting = Waiting::new();
    let (answered, waits) = (waiting.begin().unwrap(), waiting.begin().unwrap());
    assert!(poll(&mut waiting, waits).is_pending());
    assert_eq!(answer(&mut waiting, answered, 7), Settled::Kept);
    assert_eq!(waiting.close(CloseReason::Ended).len(), 1);
    assert_eq!(poll(&mut waiting, answered), Poll::Ready(Ok(Answer::Reply(7))));
    assert_eq!(poll(&mut waiting, waits), Poll::Ready(Err(CloseReason::Ended)));
    assert_eq!(waiting.leave(waits, true), Left::Free(None));
    assert_eq!(waiting.begin(), Err(CloseReason::Ended));
}
