use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use super::*;

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);
const C: NodeId = NodeId(3);

fn polled(handout: &mut Handout<u32>) -> Vec<(NodeId, u32)> {
    std::iter::from_fn(|| handout.poll()).collect()
}

#[test]
fn nodes_take_turns_and_each_gets_its_parcels_in_order() {
    let mut handout = Handout::new(100);
    for parcel in 0..3 {
        handout.push(A, 1, parcel);
    }
    handout.push(B, 1, 10);
    handout.push(C, 1, 20);
    assert_eq!(polled(&mut handout), [(A, 0), (B, 10), (C, 20), (A, 1), (A, 2)]);
}

#[test]
fn one_node_never_has_more_than_half_the_window() {
    let mut handout = Handout::new(8);
    for parcel in 0..10 {
        handout.push(A, 1, parcel);
    }
    assert_eq!(polled(&mut handout).len(), 4);
    handout.received(A, 3);
    assert_eq!(polled(&mut handout), [(A, 4), (A, 5), (A, 6)]);
}

#[test]
fn two_stopped_receivers_do_not_hold_up_a_third() {
    let mut handout = Handout::new(64);
    for parcel in 0..100 {
        handout.push(A, 8, parcel);
        handout.push(B, 1, parcel);
        handout.push(C, 8, parcel);
    }
    let mut sent_to_c = Vec::new();
    for _ in 0..200 {
        for (node, parcel) in polled(&mut handout) {
            if node == C {
                sent_to_c.push(parcel);
                handout.received(C, 8);
            }
        }
    }
    assert_eq!(sent_to_c, (0..100).collect::<Vec<_>>());
}

#[test]
fn a_parcel_that_goes_alone_waits_for_what_is_in_flight_and_holds_up_what_is_behind_it() {
    let mut handout = Handout::new(64);
    handout.push(A, 1, 0);
    handout.push_alone(A, 1);
    handout.push(A, 1, 2);
    handout.push_alone(B, 10);
    assert_eq!(polled(&mut handout), [(A, 0), (B, 10)]);
    handout.received(A, 1);
    assert_eq!(polled(&mut handout), [(A, 1), (A, 2)]);
}

#[test]
fn of_parcels_that_go_alone_a_stopped_node_has_one_in_flight_and_the_last_can_be_added_to() {
    let mut handout = Handout::new(64);
    handout.push_alone(A, 0);
    assert_eq!(polled(&mut handout), [(A, 0)]);
    assert_eq!(handout.last_mut(A), None);
    handout.push_alone(A, 1);
    assert_eq!(polled(&mut handout), []);
    *handout.last_mut(A).unwrap() += 100;
    handout.received(A, 1);
    assert_eq!(polled(&mut handout), [(A, 101)]);
}

#[test]
fn a_parcel_larger_than_the_window_goes_alone() {
    let mut handout = Handout::new(4);
    handout.push(A, 1, 0);
    handout.push(B, 9, 10);
    handout.push(C, 1, 20);
    assert_eq!(polled(&mut handout), [(A, 0), (C, 20)]);
    handout.received(A, 1);
    assert_eq!(polled(&mut handout), []);
    handout.received(C, 1);
    handout.push(A, 1, 1);
    assert_eq!(polled(&mut handout), [(B, 10)]);
    handout.received(B, 9);
    assert_eq!(polled(&mut handout), [(A, 1)]);
}

#[test]
fn a_parcel_without_fds_needs_no_room_and_keeps_its_order() {
    let mut handout = Handout::new(2);
    handout.push(A, 1, 0);
    handout.push(A, 1, 1);
    handout.push(A, 0, 2);
    handout.push(B, 0, 10);
    assert_eq!(polled(&mut handout), [(A, 0), (B, 10)]);
    handout.received(A, 1);
    assert_eq!(polled(&mut handout), [(A, 1), (A, 2)]);
    handout.received(A, 1);
    handout.push(B, 9, 11);
    handout.push(B, 0, 12);
    assert_eq!(polled(&mut handout), [(B, 11), (B, 12)]);
}

#[test]
fn what_a_dead_node_had_in_flight_comes_back_and_its_queue_is_dropped() {
    let mut handout = Handout::new(4);
    for parcel in 0..3 {
        handout.push(A, 1, parcel);
    }
    handout.push(B, 2, 10);
    assert_eq!(polled(&mut handout), [(A, 0), (A, 1)]);
    handout.gone(A);
    assert_eq!(polled(&mut handout), [(B, 10)]);
    handout.gone(A);
    handout.gone(C);
}

#[test]
fn a_node_that_acknowledges_too_much_gains_nothing() {
    let mut handout = Handout::new(4);
    handout.push(A, 2, 0);
    handout.push(B, 1, 10);
    assert_eq!(polled(&mut handout), [(A, 0), (B, 10)]);
    handout.received(B, 99);
    handout.received(C, 99);
    handout.push(B, 2, 11);
    assert_eq!(polled(&mut handout), [], "A's two are still in flight");
}

#[derive(Debug, Clone)]
enum Step {
    Push(u64, u16),
    Poll,
    Receive(u64),
    Gone(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..5u64, 0..12u16).prop_map(|(node, fds)| Step::Push(node, fds)),
        6 => Just(Step::Poll),
        3 => (0..5u64).prop_map(Step::Receive),
        1 => (0..5u64).prop_map(Step::Gone),
    ]
}

/// What the kernel would count, and what each node is owed.
#[derive(Default)]
struct Model {
    owed: BTreeMap<u64, VecDeque<(u16, u32)>>,
    in_flight: BTreeMap<u64, Vec<u16>>,
}

impl Model {
    fn total(&self) -> u16 {
        self.in_flight.values().flatten().sum()
    }

    /// Takes what was polled, and checks its order and the window.
    fn take(&mut self, node: u64, parcel: u32, window: u16) {
        let owed = self.owed.get_mut(&node).and_then(VecDeque::pop_front);
        let (fds, expected) = owed.expect("nothing is owed to this node");
        assert_eq!(parcel, expected, "out of order");
        let before = self.total();
        assert!(before == 0 || fds == 0 || before + fds <= window);
        self.in_flight.entry(node).or_default().push(fds);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_window_holds_and_everything_arrives_once_in_order(
        steps in prop::collection::vec(step(), 0..200),
        window in 1..20u16,
    ) {
        let mut handout = Handout::new(window);
        let mut model = Model::default();
        for (parcel, step) in (0u32..).zip(steps) {
            match step {
                Step::Push(node, fds) => {
                    handout.push(NodeId(node), fds, parcel);
                    model.owed.entry(node).or_default().push_back((fds, parcel));
                }
                Step::Poll => {
                    if let Some((node, parcel)) = handout.poll() {
                        model.take(node.0, parcel, window);
                    }
                }
                Step::Receive(node) => {
                    if let Some(fds) = model.in_flight.get_mut(&node).and_then(Vec::pop) {
                        handout.received(NodeId(node), fds);
                    }
                }
                Step::Gone(node) => {
                    handout.gone(NodeId(node));
                    model.owed.remove(&node);
                    model.in_flight.remove(&node);
                }
            }
        }
        // Once every receiver acknowledges, nothing stays behind.
        loop {
            while let Some((node, parcel)) = handout.poll() {
                model.take(node.0, parcel, window);
            }
            if model.total() == 0 {
                break;
            }
            for (node, parcels) in std::mem::take(&mut model.in_flight) {
                handout.received(NodeId(node), parcels.into_iter().sum());
            }
        }
        prop_assert!(model.owed.values().all(VecDeque::is_empty));
    }
}
