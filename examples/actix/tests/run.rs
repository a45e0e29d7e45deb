//! Runs the example as its header says: `cargo test -p example-actix`.

use std::collections::BTreeSet;

use nix::sys::signal::Signal;

use support::{Program, get};

#[allow(dead_code)] // The other examples need more of it.
#[path = "../../tests/run/support.rs"]
mod support;

#[test]
fn actix_answers_from_several_nodes_and_is_replaced_by_sighup() {
    let mut actix = Program::start("actix", &[]);
    let address = actix.address();
    let mut nodes = BTreeSet::new();
    actix.until("all four nodes answered", || {
        nodes.insert(node(&get(address, "").body));
        (nodes.len() == 4).then_some(())
    });
    assert_eq!(nodes, BTreeSet::from([0, 1, 2, 3]));

    actix.signal(Signal::SIGHUP);
    actix.until("a new node answers", || (node(&get(address, "").body) > 3).then_some(()));
    actix.stop();
}

fn node(answer: &str) -> u32 {
    let number = answer.strip_prefix("actix-web on node ").map(str::trim_end);
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{answer:?}"))
}
