//! `streams`: both ends of each stream say how it went.

use crate::support::Program;

#[test]
fn streams_carry_bytes_and_then_messages_between_every_two_nodes() {
    let mut streams = Program::start("streams", &[]);
    let mut lines: Vec<_> = (0..6).map(|_| streams.line(" node ")).collect();
    lines.sort();
    let pairs = [("0", "1"), ("0", "2"), ("1", "2")];
    let expected = pairs.iter().flat_map(|(older, younger)| {
        [
            format!("node {older} to node {younger}: 1000 round trips of "),
            format!("node {younger} from node {older}: 64 MiB in "),
        ]
    });
    for start in expected {
        assert!(lines.iter().any(|line| line.starts_with(&start)), "no {start:?} in {lines:#?}");
    }
    streams.stop();
}
