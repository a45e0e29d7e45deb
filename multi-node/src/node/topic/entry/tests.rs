use super::*;
use crate::link::when_full::WhenFull;
use crate::node::topic::SubscribeConfig;

const ME: NodeId = NodeId(0);

fn entry() -> Arc<Entry> {
    let kind = Arc::new(Kind { name: "Text".to_owned(), fingerprint: 1 });
    Entry::new(Weak::new(), kind, "room".into())
}

fn waits(window: usize) -> Arc<Queue> {
    Queue::new(SubscribeConfig::new().window(window))
}

fn drops() -> Arc<Queue> {
    Queue::new(SubscribeConfig::new().when_full(WhenFull::DropNewest))
}

fn announced(entry: &Entry, number: u64) -> Option<Option<u64>> {
    entry.announcement(number).map(|control| match control {
        Control::Subscribe { window, .. } => window,
        other => panic!("{other:?}"),
    })
}

#[test]
fn others_are_told_of_the_first_subscription_and_the_last_and_of_none_between() {
    let (entry, queues) = (entry(), [waits(100), waits(100), waits(200)]);
    assert_eq!(entry.join(ME, Arc::clone(&queues[0]), 5), News::Began { number: 5 });
    assert_eq!(entry.join(ME, Arc::clone(&queues[1]), 6), News::None);
    assert_eq!(entry.join(ME, Arc::clone(&queues[2]), 7), News::None);
    assert_eq!(entry.told(), 5);
    assert_eq!(entry.gates().len(), 1);
    assert_eq!(entry.leave(&queues[0], 8), News::None);
    assert_eq!(entry.leave(&queues[0], 8), News::None);
    assert_eq!(entry.leave(&queues[2], 9), News::None);
    assert_eq!(entry.leave(&queues[1], 10), News::Ended { number: 5 });
    assert_eq!(entry.leave(&queues[1], 11), News::None);
    assert!(entry.gates().is_empty());
    assert_eq!(entry.join(ME, waits(1), 12), News::Began { number: 12 });
    assert_eq!(announced(&entry, 5), None);
    assert_eq!(announced(&entry, 12), Some(Some(1)));
}

#[test]
fn the_smallest_window_that_publishers_wait_for_is_announced() {
    let (entry, queues) = (entry(), [drops(), waits(200), waits(100)]);
    assert_eq!(entry.join(ME, Arc::clone(&queues[0]), 1), News::Began { number: 1 });
    assert_eq!(announced(&entry, 1), Some(None));
    assert_eq!(entry.join(ME, Arc::clone(&queues[1]), 2), News::Changed { number: 1 });
    assert_eq!((announced(&entry, 1), entry.told()), (Some(Some(200)), 2));
    assert_eq!(entry.join(ME, Arc::clone(&queues[2]), 3), News::Changed { number: 1 });
    assert_eq!((announced(&entry, 1), entry.told()), (Some(Some(100)), 3));
    assert_eq!(entry.leave(&queues[2], 4), News::Changed { number: 1 });
    assert_eq!(entry.leave(&queues[1], 5), News::Changed { number: 1 });
    assert_eq!((announced(&entry, 1), entry.window()), (Some(None), None));
}

#[test]
fn gates_are_in_the_order_of_their_nodes() {
    let entry = entry();
    for node in [7, 2, 9, 4] {
        entry.add_gate(Gate::here(NodeId(node), Weak::new(), None));
    }
    let gates = entry.gates();
    assert_eq!(gates.iter().map(|gate| gate.node().0).collect::<Vec<_>>(), [2, 4, 7, 9]);
    entry.remove_gate(&gates[1], CloseReason::Ended);
    let nodes: Vec<u64> = entry.gates().iter().map(|gate| gate.node().0).collect();
    assert_eq!(nodes, [2, 7, 9]);
}
