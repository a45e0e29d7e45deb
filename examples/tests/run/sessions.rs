//! `sessions`: one count from all nodes, and a new one when the keeper has gone.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Answer, Program, get, kill_process, word};

#[test]
fn sessions_count_on_whichever_node_answers_and_begin_anew_when_the_keeper_is_killed() {
    let mut sessions = Program::start("sessions", &[]);
    let mut said: Vec<_> = (0..5).map(|_| sessions.line("")).collect();
    let listening = said.iter().position(|line| line.starts_with("listening")).expect("it does");
    let port = said.remove(listening).rsplit(':').next().and_then(|port| port.parse().ok());
    let address = ([127, 0, 0, 1], port.expect("it names the port")).into();
    let pids: BTreeMap<_, _> =
        said.iter().map(|line| (word(line, "node "), word(line, "is process "))).collect();

    // The master cannot be killed for this: a session of a worker's.
    let (cookie, keeper) = sessions.until("a worker begins a session", || {
        let answer = get(address, "");
        let keeper = word(&answer.body, "kept by node ").to_owned();
        assert_eq!(answer.body, format!("visit 1, kept by node {keeper}, told by node {keeper}\n"));
        (keeper != "0").then(|| (cookie(&answer), keeper))
    });

    let mut visits = 1;
    let mut told_by = BTreeSet::new();
    sessions.until("three nodes told of the session", || {
        visits += 1;
        let answer = get(address, &cookie).body;
        let teller = word(&answer, "told by node ");
        assert_eq!(
            answer,
            format!("visit {visits}, kept by node {keeper}, told by node {teller}\n")
        );
        told_by.insert(teller.to_owned());
        (told_by.len() == 3).then_some(())
    });

    kill_process(pids[&*keeper]);
    let answer = get(address, &cookie);
    let begun = word(&answer.body, "kept by node ");
    let gone = format!("(node {keeper} is gone, and your session with it)");
    assert_eq!(
        answer.body,
        format!("visit 1, kept by node {begun}, told by node {begun} {gone}\n")
    );
    assert!(get(address, &self::cookie(&answer)).body.starts_with("visit 2, "));
    sessions.stop();
}

/// The header line that sends back the cookie of an answer.
fn cookie(answer: &Answer) -> String {
    let session = word(&answer.head, "session=").trim_end_matches(';');
    format!("Cookie: theme=dark; session={session}\r\n")
}
