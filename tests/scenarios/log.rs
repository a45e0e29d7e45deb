//! Where supervision's words go.

use multi_node_tests::stderr;

use crate::support::{notice, replace, scenario, workers};

#[test]
fn without_a_subscriber_a_death_is_one_line_on_stderr() {
    let program = scenario("lines").start();
    let nodes = program.wait_for_nodes(4);
    let worker = workers(&nodes)[0];
    replace(&program, worker);
    let pid = format!("pid {}", worker.pid);
    notice(&program, &[&pid, "SIGKILL"]);
    let lines = program.stop();
    assert_eq!(stderr(&lines).iter().filter(|line| line.contains(&pid)).count(), 1);
}

#[test]
fn with_a_subscriber_events_go_there_with_the_node_and_not_to_stderr() {
    let program = scenario("subscriber").start();
    let nodes = program.wait_for_nodes(2);
    let worker = workers(&nodes)[0];
    replace(&program, worker);
    let died = program.wait_for("the event of the death", |line| {
        let words = ["event level=", &worker.pid.to_string(), "SIGKILL"];
        words.iter().all(|word| line.text.contains(word)).then(|| line.clone())
    });
    assert!(died.field("node").is_some(), "{}", died.text);
    let lines = program.stop();
    assert_eq!(stderr(&lines), [""; 0]);
}

#[test]
fn an_uneventful_run_says_nothing_on_stderr() {
    let program = scenario("http").start();
    program.wait_for_nodes(4);
    let lines = program.stop();
    assert_eq!(stderr(&lines), [""; 0]);
}
