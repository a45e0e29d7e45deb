//! `actix`: answers from several nodes, before and after a reload.

use std::collections::BTreeSet;

use nix::sys::signal::Signal;

use crate::support::{Program, get, get_all};

#[test]
fn actix_answers_from_several_nodes_and_is_replaced_by_sighup() {
    let mut actix = Program::start("actix", &[]);
    let address = actix.address();
    let answers = get_all(address, 16);
    let nodes: BTreeSet<u32> = answers.iter().map(|answer| node(answer)).collect();
    assert!(nodes.len() > 1, "one node answered all: {nodes:?}");
    assert!(nodes.iter().all(|node| *node < 4), "there are four nodes: {nodes:?}");

    actix.signal(Signal::SIGHUP);
    actix.until("a new node answers", || (node(&get(address, "").body) > 3).then_some(()));
    actix.stop();
}

fn node(answer: &str) -> u32 {
    let number = answer.strip_prefix("actix-web on node ").map(str::trim_end);
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{answer:?}"))
}
