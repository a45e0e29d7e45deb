//! What the master holds does not grow with what it lived through.

use std::ops::RangeInclusive;

use multi_node_tests::{Running, eventually, process};

use crate::support::{reload, scenario, settled, soon};

#[test]
fn forty_reloads_leave_the_master_with_what_it_had_after_five() {
    /// Memory that the allocator's moods explain, of 100.
    const LEEWAY: u64 = 5;
    let program = scenario("http").start();
    program.wait_for_nodes(4);
    let master = program.pid();
    let holds = || (process::fds(master).len(), process::threads(master));
    reload_all(&program, 1..=5);
    let before = settled(&program, holds);
    let memory = process::resident(master);
    reload_all(&program, 6..=40);
    eventually(soon(), "the master has as many fds and threads as before", || holds() == before);
    let now = process::resident(master);
    assert!(now * 100 <= memory * (100 + LEEWAY), "{memory} KiB have become {now} KiB");
    program.stop();
}

/// Reloads to each of the generations, to its end and that of the old workers.
#[track_caller]
fn reload_all(program: &Running, generations: RangeInclusive<u32>) {
    for generation in generations {
        reload(program, generation);
        eventually(soon(), "the old workers have gone, and who stood in for the master", || {
            process::children(program.pid()).len() == 3
        });
    }
}
