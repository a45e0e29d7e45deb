use super::*;

const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);

/// Linked to two nodes, which have told what they had subscribed to.
fn met() -> Roll {
    let mut roll = Roll::default();
    for node in [ONE, TWO] {
        roll.linked(node);
        roll.told(node);
    }
    roll.all_linked();
    roll
}

fn ticks(roll: &mut Roll, ticks: u32, now: u64) -> Vec<Silent> {
    (0..ticks).flat_map(|_| roll.tick(now)).collect()
}

#[test]
fn nothing_is_in_effect_before_all_links_are_there() {
    let mut roll = Roll::default();
    assert_eq!((roll.known(), roll.all_told()), (0, false));
    roll.all_linked();
    assert_eq!((roll.known(), roll.all_told()), (u64::MAX, true), "it is alone");
}

#[test]
fn every_linked_node_has_to_know_and_to_have_told() {
    let mut roll = Roll::default();
    roll.linked(ONE);
    roll.linked(TWO);
    roll.all_linked();
    roll.told(ONE);
    roll.knows(ONE, 7);
    assert_eq!((roll.known(), roll.all_told()), (0, false));
    roll.told(TWO);
    roll.knows(TWO, 5);
    assert_eq!((roll.known(), roll.all_told()), (5, true));
    roll.gone(TWO);
    assert_eq!(roll.known(), 7);
}

#[test]
fn what_is_said_late_does_not_take_back_what_was_said() {
    let mut roll = met();
    roll.knows(ONE, 7);
    roll.knows(TWO, 7);
    roll.knows(ONE, 5);
    assert_eq!(roll.known(), 7);
}

#[test]
fn a_node_that_says_nothing_is_given_up_once_and_waited_for_again_when_it_speaks() {
    let mut roll = met();
    roll.knows(ONE, 3);
    assert_eq!(ticks(&mut roll, PATIENCE - 1, 3), []);
    assert_eq!(roll.known(), 0);
    assert_eq!(ticks(&mut roll, 1, 3), [Silent::Node(TWO)]);
    assert_eq!(roll.known(), 3);
    assert_eq!(ticks(&mut roll, 3 * PATIENCE, 3), []);
    roll.knows(TWO, 2);
    assert_eq!(roll.known(), 2);
    assert_eq!(ticks(&mut roll, PATIENCE, 3), [Silent::Node(TWO)], "and given up again");
}

#[test]
fn a_node_that_answers_slowly_is_waited_for() {
    let mut roll = met();
    roll.knows(ONE, u64::MAX);
    for time in 0..5 {
        roll.knows(TWO, time);
        assert_eq!(ticks(&mut roll, PATIENCE - 1, 100), []);
        assert_eq!(roll.known(), time);
    }
}

#[test]
fn a_node_that_never_tells_does_not_keep_others_from_publishing() {
    let mut roll = met();
    roll.linked(NodeId(3));
    assert!(!roll.all_told());
    assert_eq!(ticks(&mut roll, PATIENCE, 0), [Silent::Node(NodeId(3))]);
    assert!(roll.all_told());
}

#[test]
fn a_master_that_says_nothing_is_given_up_unless_it_goes_on_linking() {
    let mut roll = Roll::default();
    for _ in [1, 2] {
        assert_eq!(ticks(&mut roll, PATIENCE - 1, 0), []);
        roll.linked(ONE);
        roll.told(ONE);
        assert!(!roll.all_told());
    }
    assert_eq!(ticks(&mut roll, PATIENCE, 0), [Silent::Master]);
    assert!(roll.all_told());
}
