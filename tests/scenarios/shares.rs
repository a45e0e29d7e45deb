//! Bytes that are made once and read by every node, those to come included.

use std::fs;

use multi_node_tests::{Running, Scratch, Who};

use crate::support::{reload, replace, scenario};

#[test]
fn shared_bytes_are_made_once_and_kept_over_a_death_and_a_reload() {
    let program = scenario("shares").arg("/no/such/file").start();
    let nodes = program.wait_for_nodes(4);
    let worker = nodes.iter().find(|who| who.slot == 1).expect("it is there");
    let next = replace(&program, *worker);
    reload(&program, 1);
    for who in nodes.iter().chain([&next]).chain(&program.nodes()) {
        shares(&program, who.node);
        let refused = format!("refused node={} ", who.node);
        let refused = program.wait_for_line(&refused).text;
        assert!(refused.ends_with("could not be made: No such file or directory (os error 2)"));
    }
    let lines = program.stop();
    let made = lines.iter().filter(|line| line.text.starts_with("makes "));
    assert_eq!(made.count(), 1, "by one node, once");
}

#[test]
fn the_memory_of_shared_bytes_is_the_same_in_every_node() {
    let program = scenario("shares").arg("/no/such/file").start();
    let nodes = program.wait_for_nodes(4);
    let inodes: Vec<String> = nodes.iter().map(mapped).collect();
    assert!(inodes.iter().all(|inode| *inode == inodes[0]), "{inodes:?}");
    program.stop();
}

#[test]
fn when_the_node_that_makes_shared_bytes_ends_another_makes_them() {
    let scratch = Scratch::new();
    let file = scratch.path().join("dies");
    fs::write(&file, "").expect("a file can be made");
    let program = scenario("shares").arg(&file).start();
    let nodes = program.wait_for_nodes(4);
    for who in nodes {
        shares(&program, who.node);
    }
    let lines = program.stop();
    let makers: Vec<Who> = lines
        .iter()
        .filter(|line| line.text.starts_with("makes "))
        .filter_map(|line| Who::parse(&line.text))
        .collect();
    let [dead, maker] = makers[..] else { panic!("{makers:?}") };
    assert_ne!(dead.node, maker.node);
}

#[track_caller]
fn shares(program: &Running, node: u64) {
    program.wait_for_line(&format!("shares node={node} "));
}

/// The inode of the shared bytes that a node has mapped.
fn mapped(who: &Who) -> String {
    let maps = fs::read_to_string(format!("/proc/{}/maps", who.pid)).expect("it lives");
    let line = maps.lines().find(|line| line.contains("memfd:multi-node shared"));
    line.and_then(|line| line.split_whitespace().nth(4)).expect("they are mapped").to_owned()
}
