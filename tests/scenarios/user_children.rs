//! User code that starts processes of its own.

use multi_node_tests::Who;

use crate::support::scenario;

#[test]
fn a_child_that_runs_the_same_binary_is_no_worker() {
    let program = scenario("family").start();
    // Each node says that it is up once its own children are done.
    let nodes = program.wait_for_nodes(3);
    for who in &nodes {
        let started = program.wait_for(&format!("what {who:?} started"), |line| {
            let said = line.text.split_once(" started: ")?;
            (Who::parse(said.0) == Some(*who)).then(|| said.1.to_owned())
        });
        let inner = Who::parse(&started).expect("it said what it is");
        assert_eq!((inner.node, inner.slot, inner.generation), (0, 0, 0), "{started}");
        assert!(started.contains("master=true") && started.contains("nodes=1"), "{started}");
        assert!(nodes.iter().all(|who| who.pid != inner.pid));
    }
    program.stop();
}

#[test]
fn children_of_user_code_are_left_for_it_to_reap() {
    let program = scenario("family").start();
    let nodes = program.wait_for_nodes(3);
    for who in nodes {
        program.wait_for_line(&format!("pid={} children=20", who.pid));
    }
    program.stop();
}
