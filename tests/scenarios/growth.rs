//! What the master holds does not grow with what it lived through.

use multi_node_tests::{Running, Who, eventually, process};
use nix::sys::signal::Signal;

use crate::support::{scenario, soon};

#[test]
fn forty_reloads_leave_the_master_with_what_it_had_after_five() {
    /// Memory that the allocator's moods explain, of 100.
    const LEEWAY: u64 = 5;
    let program = scenario("http").start();
    let mut nodes = program.wait_for_nodes(4);
    let master = program.pid();
    reload(&program, &mut nodes, 5);
    let (fds, threads) = (process::fds(master).len(), process::threads(master));
    let memory = process::resident(master);
    reload(&program, &mut nodes, 35);
    eventually(soon(), "the master has as many fds and threads as before", || {
        (process::fds(master).len(), process::threads(master)) == (fds, threads)
    });
    let now = process::resident(master);
    assert!(now * 100 <= memory * (100 + LEEWAY), "{memory} KiB have become {now} KiB");
    program.stop();
}

/// Reloads so often, the master included.
#[track_caller]
fn reload(program: &Running, nodes: &mut [Who], times: usize) {
    let master = program.pid();
    for _ in 0..times {
        program.signal(Signal::SIGHUP);
        for who in nodes.iter_mut() {
            let old = *who;
            *who = program.wait_for_node(&format!("the successor of {old:?}"), |new| {
                new.slot == old.slot && new.node > old.node && (new.slot > 0 || new.pid == master)
            });
        }
        eventually(soon(), "the old workers have gone, and who stood in for the master", || {
            process::children(master).len() == nodes.len() - 1
        });
    }
}
