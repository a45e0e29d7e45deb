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
    std::iter::from_fn(|| mesh.poll()).map(|pair| (pair.a.0, pair.b.0, pair.kind)).collect()
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

#[derive(Debug, Clone)]
enum Step {
    Join,
    Want(u64, Kind),
    Drain(u64),
    Leave(u64),
    Poll,
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![Just(Messages), Just(Stream)];
    prop_oneof![
        3 => Just(Step::Join),
        6 => (0..12u64, kind).prop_map(|(node, kind)| Step::Want(node, kind)),
        1 => (0..12u64).prop_map(Step::Drain),
        1 => (0..12u64).prop_map(Step::Leave),
        3 => Just(Step::Poll),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]

    /// At the end every two open nodes that both asked were linked exactly once, and no pair ever
    /// came twice or with a node that had gone.
    #[test]
    fn every_two_that_asked_are_linked_once_in_any_order(
        steps in prop::collection::vec(step(), 0..80)
    ) {
        let mut mesh = Mesh::new();
        let mut joined = 0;
        let mut open = BTreeSet::new();
        let mut asked = BTreeSet::new();
        let mut linked = BTreeSet::new();
        for step in steps.into_iter().chain(std::iter::repeat_n(Step::Poll, 200)) {
            match step {
                Step::Join => {
                    mesh.joined(NodeId(joined));
                    open.insert(joined);
                    joined += 1;
                }
                Step::Want(node, kind) => {
                    mesh.wants(NodeId(node), kind);
                    if open.contains(&node) {
                        asked.insert((node, kind));
                    }
                }
                Step::Drain(node) => {
                    mesh.draining(NodeId(node));
                    open.remove(&node);
                }
                Step::Leave(node) => {
                    mesh.left(NodeId(node));
                    open.remove(&node);
                }
                Step::Poll => {
                    let Some(pair) = mesh.poll() else { continue };
                    let (a, b, kind) = (pair.a.0, pair.b.0, pair.kind);
                    prop_assert!(a < b);
                    prop_assert!(open.contains(&a) && open.contains(&b));
                    prop_assert!(asked.contains(&(a, kind)) && asked.contains(&(b, kind)));
                    prop_assert!(linked.insert((a, b, kind)), "linked twice");
                }
            }
        }
        for kind in [Messages, Stream] {
            for &a in &open {
                for &b in open.range(a + 1..) {
                    let both = asked.contains(&(a, kind)) && asked.contains(&(b, kind));
                    prop_assert_eq!(both, linked.contains(&(a, b, kind)));
                }
            }
        }
    }
}
