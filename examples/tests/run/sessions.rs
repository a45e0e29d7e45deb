//! `sessions`: one count from all nodes, which goes on whichever worker is killed.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Answer, Program, get, kill_process, word};

#[test]
fn sessions_count_on_whichever_node_answers_and_whichever_worker_is_killed() {
    let mut sessions = Program::start("sessions", &[]);
    let mut said: Vec<_> = (0..5).map(|_| sessions.line("")).collect();
    let listening = said.iter().position(|line| line.starts_with("listening")).expect("it does");
    let port = said.remove(listening).rsplit(':').next().and_then(|port| port.parse().ok());
    let address = ([127, 0, 0, 1], port.expect("it names the port")).into();
    let mut pids: BTreeMap<String, String> = said.iter().map(|line| process(line)).collect();

    // The master cannot be killed for this: a session that two workers keep.
    let mut cookie = sessions.until("two workers keep a session", || {
        let answer = get(address, "");
        assert!(answer.body.starts_with("visit 1, owned by node "), "{}", answer.body);
        let [owner, copy] = keepers(&answer);
        (owner != copy && owner != "0" && copy != "0").then(|| cookie(&answer))
    });

    let mut visits = 1;
    let mut visit = |cookie: &mut String| {
        visits += 1;
        let answer = get(address, cookie);
        assert_eq!(word(&answer.body, "visit "), visits.to_string(), "{}", answer.body);
        assert!(!answer.body.contains("gone"), "{}", answer.body);
        *cookie = self::cookie(&answer);
        answer
    };
    let mut told_by = BTreeSet::new();
    sessions.until("three nodes told of the session", || {
        told_by.insert(word(&visit(&mut cookie).body, "told by node ").to_owned());
        (told_by.len() == 3).then_some(())
    });

    // The owner, then the node with the copy, and so on: each is a worker, or it is spared.
    for which in [0, 1, 0, 1] {
        let answer = visit(&mut cookie);
        let keepers = keepers(&answer);
        if keepers[which] == "0" {
            continue;
        }
        kill_process(&pids[keepers[which]]);
        let next = visit(&mut cookie);
        assert!(!self::keepers(&next).contains(&keepers[which]), "{}", next.body);
        let successor = sessions.line("is process ");
        pids.extend([process(&successor)]);
    }
    sessions.stop();
}

/// A node's number and its pid.
fn process(line: &str) -> (String, String) {
    (word(line, "node ").to_owned(), word(line, "is process ").to_owned())
}

/// The owner, and the node with the copy.
fn keepers(answer: &Answer) -> [&str; 2] {
    [word(&answer.body, "owned by node "), word(&answer.body, "copied to node ")]
}

/// The header line that sends back the cookie of an answer.
fn cookie(answer: &Answer) -> String {
    let session = word(&answer.head, "session=").trim_end_matches(';');
    format!("Cookie: theme=dark; session={session}\r\n")
}
