//! `leader`: the master's figure from several nodes, and a newer one later.

use std::collections::BTreeSet;

use crate::support::{Program, get, word};

#[test]
fn leader_tells_the_masters_figure_whichever_node_is_asked() {
    let mut leader = Program::start("leader", &[]);
    let address = leader.address();
    let mut told_by = BTreeSet::new();
    let newest = leader.until("two nodes told of the third sample", || {
        let answer = get(address, "").body;
        if !answer.starts_with("load ") {
            return None; // has heard of none yet
        }
        assert_eq!(word(&answer, "of node "), "0", "{answer}");
        let load: f32 = word(&answer, "load ").parse().expect("a load is a number");
        assert!(load >= 0.0, "{answer}");
        let number: u64 = word(&answer, "sample ").parse().expect("samples are numbered");
        if number >= 3 {
            told_by.insert(word(&answer, "told by node ").to_owned());
        }
        (told_by.len() >= 2).then_some(number)
    });
    assert!(newest < 60, "more samples than seconds");
    leader.stop();
}
