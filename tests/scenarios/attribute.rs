//! The options as the attribute and the builder set them.

use std::net::IpAddr;

use multi_node_tests::{LineClient, Running, process};

use crate::support::{reach, scenario, workers};

#[test]
fn the_attribute_sets_every_option() {
    let program = scenario("attribute").start();
    all_options_hold(&program);
    program.stop();
}

#[test]
fn the_builder_sets_the_same_options() {
    let program = scenario("builder").start();
    all_options_hold(&program);
    program.stop();
}

#[test]
fn the_builder_is_asked_in_the_master_alone() {
    let program = scenario("builder").start();
    program.wait_for_nodes(4);
    let pid = program.pid();
    let lines = program.stop();
    let configured: Vec<_> =
        lines.iter().filter(|line| line.text.starts_with("configured")).collect();
    assert_eq!(configured.len(), 1);
    assert_eq!(configured[0].field("pid"), Some(pid.to_string().as_str()));
}

#[test]
fn the_environment_overrides_the_attribute() {
    let program = scenario("attribute")
        .env("MULTI_NODE_NODES", "2")
        .env("MULTI_NODE_HOST", "0.0.0.0")
        .env("MULTI_NODE_MASTER_LISTEN", "true")
        .start();
    let nodes = program.wait_for_nodes(2);
    assert_eq!(workers(&nodes).len(), 1);
    let up = program.wait_for_ups(1).remove(0);
    assert!(up.field("addr").is_some_and(|addr| addr.starts_with("0.0.0.0:")));
    program.stop();
}

/// Three workers and a master that does not listen, on 127.0.0.1, with a pool of two threads.
#[track_caller]
fn all_options_hold(program: &Running) {
    let nodes = program.wait_for_nodes(4);
    assert_eq!(workers(&nodes).len(), 3);
    assert_eq!(program.addr().ip(), IpAddr::from([127, 0, 0, 1]));
    for up in program.wait_for_ups(4) {
        let master = up.field("slot") == Some("0");
        assert_eq!(up.field("listens"), Some(if master { "false" } else { "true" }));
        assert_eq!(up.field("nodes"), Some("3"));
    }
    // Only a pool lets a task block, and goes on.
    let mut blocked = reach(program, |who| who.slot == 1);
    blocked.ask("step-aside").expect("an answer");
    reach(program, |who| who.slot == 1);
    // The master takes no connection.
    let held: Vec<LineClient> = (0..8)
        .map(|_| {
            let mut client = LineClient::connect(program.addr()).expect("someone listens");
            assert_ne!(client.who().expect("an answer").slot, 0);
            client
        })
        .collect();
    drop(held);
    assert_eq!(process::children(program.pid()).len(), 3);
}
