use super::*;

const FROM: NodeId = NodeId(3);

/// With room for two messages of ten bytes.
fn queue(when_full: WhenFull) -> Arc<Queue> {
    Queue::new(SubscribeConfig::new().window(2 * cost(10)).when_full(when_full))
}

fn push(queue: &Queue, fill: u8) -> Pushed {
    queue.push(FROM, &Arc::from([fill; 10]), None)
}

/// All that is there: the first byte of a message, or how many are missing.
fn drain(queue: &Queue) -> Vec<Result<u8, u64>> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut found = Vec::new();
    while let Poll::Ready(Some(item)) = queue.poll_pop(&mut cx) {
        found.push(match item {
            Item::Message { message, .. } => Ok(message[0]),
            Item::Missed(messages) => Err(messages),
        });
    }
    found
}

#[test]
fn what_publishers_wait_for_is_never_refused() {
    let queue = queue(WhenFull::Wait);
    (0..5).for_each(|n| assert_eq!(push(&queue, n), Pushed::Taken));
    assert_eq!(drain(&queue), [Ok(0), Ok(1), Ok(2), Ok(3), Ok(4)]);
}

#[test]
fn the_newest_are_dropped_and_missing_where_they_would_have_been() {
    let queue = queue(WhenFull::DropNewest);
    (0..5).for_each(|n| assert_eq!(push(&queue, n), Pushed::Taken));
    assert_eq!(drain(&queue), [Ok(0), Ok(1), Err(3)]);
    assert_eq!(push(&queue, 5), Pushed::Taken);
    assert_eq!(drain(&queue), [Ok(5)]);
}

#[test]
fn the_oldest_are_dropped_and_missing_first() {
    let queue = queue(WhenFull::DropOldest);
    (0..5).for_each(|n| assert_eq!(push(&queue, n), Pushed::Taken));
    assert_eq!(drain(&queue), [Err(3), Ok(3), Ok(4)]);
}

#[test]
fn a_message_larger_than_the_window_is_alone() {
    let large: Arc<[u8]> = Arc::from([9; 1_000]);
    let queue = queue(WhenFull::DropOldest);
    (0..2).for_each(|n| assert_eq!(push(&queue, n), Pushed::Taken));
    assert_eq!(queue.push(FROM, &large, None), Pushed::Taken);
    assert_eq!(drain(&queue), [Err(2), Ok(9)]);
    let queue = self::queue(WhenFull::DropNewest);
    assert_eq!(queue.push(FROM, &large, None), Pushed::Taken);
    assert_eq!(push(&queue, 1), Pushed::Taken);
    assert_eq!(drain(&queue), [Ok(9), Err(1)]);
}

#[test]
fn one_that_closes_gives_what_it_has_and_then_ends() {
    let queue = queue(WhenFull::Close);
    (0..2).for_each(|n| assert_eq!(push(&queue, n), Pushed::Taken));
    assert_eq!(push(&queue, 2), Pushed::Closed);
    assert_eq!(push(&queue, 3), Pushed::Taken);
    assert_eq!(drain(&queue), [Ok(0), Ok(1), Err(1)]);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(queue.poll_pop(&mut cx), Poll::Ready(None)));
}

#[test]
fn what_was_missed_elsewhere_is_added_to_what_is_missing_here() {
    let queue = queue(WhenFull::DropNewest);
    assert_eq!(push(&queue, 0), Pushed::Taken);
    assert_eq!(queue.miss(3), Pushed::Taken);
    assert_eq!(queue.miss(4), Pushed::Taken);
    assert_eq!(push(&queue, 1), Pushed::Taken);
    assert_eq!(drain(&queue), [Ok(0), Err(7), Ok(1)]);
    assert_eq!(self::queue(WhenFull::Close).miss(1), Pushed::Closed);
}

#[test]
fn whoever_receives_is_woken_and_who_is_deaf_takes_nothing() {
    let queue = queue(WhenFull::Wait);
    assert_eq!(drain(&queue), []);
    assert!(queue.waiting().receiver.is_some());
    push(&queue, 0);
    assert!(queue.waiting().receiver.is_none());
    queue.deafen();
    push(&queue, 1);
    assert_eq!(drain(&queue), []);
}
