//! Ports that cannot be had.

use std::fs;
use std::net::TcpListener;

use multi_node_tests::{Program, Scratch, unused_port};
use nix::unistd::geteuid;

use crate::support::{PROGRAM, fails_to_start, reach, scenario};

#[test]
fn a_port_that_another_program_has_ends_the_start() {
    let taken = TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let program = scenario("lines").env("MULTI_NODE_PORT", port.to_string()).start();
    fails_to_start(program, &[&port.to_string(), "taken"]);
}

#[test]
fn a_second_instance_does_not_join_the_first_ones_port() {
    let first = scenario("lines").start();
    let nodes = first.wait_for_nodes(4);
    let port = first.addr().port().to_string();
    let second = scenario("lines").env("MULTI_NODE_PORT", &port).start();
    fails_to_start(second, &[&port, "taken"]);
    for who in nodes {
        reach(&first, |reached| reached.pid == who.pid);
    }
    first.stop();
}

#[test]
fn an_address_of_another_machine_ends_the_start() {
    // TEST-NET-3: nobody's.
    let program = scenario("lines").env("MULTI_NODE_HOST", "203.0.113.7").start();
    fails_to_start(program, &["203.0.113.7"]);
}

#[test]
fn a_port_that_the_user_may_not_have_ends_the_start_with_a_remedy() {
    let first = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let first: u16 = first.ok().and_then(|first| first.trim().parse().ok()).unwrap_or(0);
    if first <= 80 {
        eprintln!("not tried: every user may listen on port 80 here");
        return;
    }
    let scratch = Scratch::new();
    let program = Program::new(scratch.copy(PROGRAM, "program"));
    let program = program.arg("lines").env("MULTI_NODE_PORT", "80");
    let program = if geteuid().is_root() { program.user(65_534) } else { program };
    fails_to_start(program.start(), &["80", "not permitted"]);
}

#[test]
fn a_port_can_be_had_again_at_once() {
    let port = unused_port().to_string();
    for _ in 0..3 {
        let program = scenario("lines").env("MULTI_NODE_PORT", &port).start();
        program.wait_for_nodes(4);
        let _open = reach(&program, |who| who.slot == 1);
        // The connection is open until the end, and TIME_WAIT stays behind it.
        drop(_open);
        program.stop();
    }
}
