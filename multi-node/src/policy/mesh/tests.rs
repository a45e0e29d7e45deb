use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Messages,
    Stream,
}

use Kind::{Messages, Stream};

fn with_nodes(nodes: u64) -> Mesh<Kind> {
    let mut mesh = Mesh::new();
    for node in 0..nodes {
        mesh.joined(NodeId(node));
    }
    mesh
}

fn pairs(mesh: &mut Mesh<Kind>) -> Vec<(u64, u64, Kind)> {
    let pair = |step| match step {
        Step::Link(pair) => Some((pair.a.0, pair.b.0, pair.kind)),
        Step::Linked { .. } => None,
    };
    std::iter::from_fn(|| mesh.poll()).filter_map(pair).collect()
}

#[test]
fn two_nodes_are_linked_when_both_asked() {
    let mut mesh = with_nodes(2);
    mesh.wants(NodeId(1), Messages);
    assert_eq!(pairs(&mut mesh), []);
    mesh.wants(NodeId(0), Messages);
    assert_eq!(pairs(&mut mesh), [(0, 1, Messages)]);
    assert_eq!(pairs(&mut mesh), []);
}

#[test]
fn each_kind_is_linked_on_its_own() {
    let mut mesh = with_nodes(3);
    mesh.wants(NodeId(0), Messages);
    mesh.wants(NodeId(1), Stream);
    mesh.wants(NodeId(2), Messages);
    mesh.wants(NodeId(2), Stream);
    assert_eq!(pairs(&mut mesh), [(0, 2, Messages), (1, 2, Stream)]);
}

#[test]
fn asking_twice_links_once() {
    let mut mesh = with_nodes(2);
    for node in [0, 1, 0, 1] {
        mesh.wants(NodeId(node), Messages);
    }
    assert_eq!(pairs(&mut mesh), [(0, 1, Messages)]);
}

#[test]
fn a_node_that_comes_later_is_linked_to_all_that_are_there() {
    let mut mesh = with_nodes(3);
    for node in 0..3 {
        mesh.wants(NodeId(node), Messages);
    }
    pairs(&mut mesh);
    mesh.joined(NodeId(9));
    mesh.wants(NodeId(9), Messages);
    assert_eq!(pairs(&mut mesh), [(0, 9, Messages), (1, 9, Messages), (2, 9, Messages)]);
}

#[test]
fn a_node_that_drains_or_left_is_in_no_new_pair() {
    for leave in [Mesh::draining, Mesh::left] {
        let mut mesh = with_nodes(3);
        mesh.wants(NodeId(0), Messages);
        mesh.wants(NodeId(1), Messages);
        leave(&mut mesh, NodeId(1));
        assert_eq!(pairs(&mut mesh), [], "not even one decided before");
        mesh.wants(NodeId(1), Stream);
        mesh.wants(NodeId(2), Messages);
        mesh.wants(NodeId(2), Stream);
        assert_eq!(pairs(&mut mesh), [(0, 2, Messages)]);
    }
}

#[test]
fn a_node_that_never_joined_is_not_linked() {
    let mut mesh = with_nodes(1);
    mesh.wants(NodeId(0), Messages);
    mesh.wants(NodeId(5), Messages);
    assert_eq!(pairs(&mut mesh), []);
}

#[test]
fn all_of_256_nodes_are_linked() {
    let mut mesh = with_nodes(256);
    for node in 0..256 {
        mesh.wants(NodeId(node), Messages);
    }
    assert_eq!(pairs(&mut mesh).len(), 256 * 255 / 2);
}

#[test]
fn a_node_is_told_when_it_has_all_links_to_those_that_asked_before() {
    let mut mesh = with_nodes(3);
    let linked = |node| Step::Linked { node: NodeId(node), kind: Messages };
    let link = |a, b| Step::Link(Pair { a: NodeId(a), b: NodeId(b), kind: Messages });
    for node in [1, 0, 2] {
        mesh.wants(NodeId(node), Messages);
        mesh.wants(NodeId(node), Messages);
    }
    let steps: Vec<_> = std::iter::from_fn(|| mesh.poll()).collect();
    assert_eq!(steps, [linked(1), link(0, 1), linked(0), link(0, 2), link(1, 2), linked(2)]);
}

#[test]
fn a_node_that_drains_is_told_that_there_are_no_links_for_it() {
    let mut mesh = with_nodes(2);
    mesh.wants(NodeId(0), Messages);
    mesh.wants(NodeId(1), Messages);
    mesh.draining(NodeId(1));
    mesh.wants(NodeId(1), Stream);
    let told: Vec<_> = std::iter::from_fn(|| mesh.poll()).collect();
    let linked = |node, kind| Step::Linked { node: NodeId(node), kind };
    assert_eq!(told, [linked(0, Messages), linked(1, Messages), linked(1, Stream)]);
}

#[derive(Debug, Clone)]
enum Event {
    Join,
    Want(u64, Kind),
    Drain(u64),
    Leave(u64),
    Poll,
}

fn event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![Just(Messages), Just(Stream)];
    prop_oneof![
        3 => Just(Event::Join),
        6 => (0..12u64, kind).prop_map(|(node, kind)| Event::Want(node, kind)),
        1 => (0..12u64).prop_map(Event::Drain),
        1 => (0..12u64).prop_map(Event::Leave),
        3 => Just(Event::Poll),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]

    /// At the end every two open nodes that both asked were linked exactly once, and no pair ever
    /// came twice or with a node that had gone. Who was told that it is linked, once, had links to
    /// all that had asked before and are still open.
    #[test]
    fn every_two_that_asked_are_linked_once_in_any_order(
        events in prop::collection::vec(event(), 0..80)
    ) {
        let mut mesh = Mesh::new();
        let mut joined = 0;
        let mut open = BTreeSet::new();
        // In the order in which they asked.
        let mut asked: Vec<(u64, Kind)> = Vec::new();
        let mut linked = BTreeSet::new();
        let mut told = BTreeSet::new();
        for event in events.into_iter().chain(std::iter::repeat_n(Event::Poll, 200)) {
            match event {
                Event::Join => {
                    mesh.joined(NodeId(joined));
                    open.insert(joined);
                    joined += 1;
                }
                // Nobody asks before it is there.
                Event::Want(node, _) if node >= joined => {}
                Event::Want(node, kind) => {
                    mesh.wants(NodeId(node), kind);
                    if open.contains(&node) && !asked.contains(&(node, kind)) {
                        asked.push((node, kind));
                    }
                }
                Event::Drain(node) => {
                    mesh.draining(NodeId(node));
                    open.remove(&node);
                }
                Event::Leave(node) => {
                    mesh.left(NodeId(node));
                    open.remove(&node);
                }
                Event::Poll => match mesh.poll() {
                    None => {}
                    Some(Step::Link(pair)) => {
                        let (a, b, kind) = (pair.a.0, pair.b.0, pair.kind);
                        prop_assert!(a < b);
                        prop_assert!(open.contains(&a) && open.contains(&b));
                        prop_assert!(asked.contains(&(a, kind)) && asked.contains(&(b, kind)));
                        prop_assert!(linked.insert((a, b, kind)), "linked twice");
                    }
                    Some(Step::Linked { node, kind }) => {
                        let Some(at) = asked.iter().position(|who| *who == (node.0, kind)) else {
                            prop_assert!(!open.contains(&node.0));
                            continue;
                        };
                        let new = told.insert((node.0, kind));
                        prop_assert!(new || !open.contains(&node.0), "told twice");
                        for (before, of) in &asked[..at] {
                            let (a, b) = (node.0.min(*before), node.0.max(*before));
                            let met = linked.contains(&(a, b, kind));
                            let both = open.contains(before) && open.contains(&node.0);
                            prop_assert!(met || *of != kind || !both);
                        }
                    }
                },
            }
        }
        for kind in [Messages, Stream] {
            for &a in &open {
                prop_assert_eq!(asked.contains(&(a, kind)), told.contains(&(a, kind)));
                for &b in open.range(a + 1..) {
                    let both = asked.contains(&(a, kind)) && asked.contains(&(b, kind));
                    prop_assert_eq!(both, linked.contains(&(a, b, kind)));
                }
            }
        }
    }
}
