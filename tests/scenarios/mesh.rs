//! Many nodes.

use multi_node_tests::{Program, Running, Scratch, process};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;

use crate::support::{PROGRAM, way, workers};

const NOBODY: u32 = 65_534;

#[test]
fn every_two_of_64_nodes_talk_within_a_users_1024_files() {
    let scratch = Scratch::new();
    let program = mesh(&scratch, 64).start();
    greeted(&program, 64);
    program.stop();
}

#[test]
fn a_mesh_is_whole_again_after_deaths_and_a_reload() {
    let scratch = Scratch::new();
    let program = mesh(&scratch, 16).start();
    greeted(&program, 16);
    for worker in workers(&program.wait_for_nodes(16)).iter().step_by(4) {
        let next = crate::support::replace(&program, *worker);
        program.wait_for_line(&format!("greeted node={} by=15", next.node));
    }
    program.signal(Signal::SIGHUP);
    // The old ones are met as well while they live; the count is reached by each of the new ones.
    for up in program.wait_for_lines("generation=1 ", 15) {
        let node = up.field("node").expect("it says so");
        program.wait_for_line(&format!("greeted node={node} by=15"));
    }
    program.stop();
}

/// A mesh of as many nodes, run by nobody with 1,024 files when root runs the tests.
fn mesh(scratch: &Scratch, nodes: usize) -> Program {
    let program = Program::new(scratch.copy(PROGRAM, "program"))
        .arg("mesh")
        .arg((nodes - 1).to_string())
        .env("MULTI_NODE_NODES", nodes.to_string())
        .env("MULTI_NODE_RING", way(module_path!()))
        .open_files(1_024);
    if geteuid().is_root() { program.user(NOBODY) } else { program }
}

#[track_caller]
fn greeted(program: &Running, nodes: usize) {
    program.wait_for_nodes(nodes);
    program.wait_for_lines("greeted node=", nodes);
    assert_eq!(process::children(program.pid()).len(), nodes - 1);
}
