//! Every example is a template: short, and with a header that says what to do with it.

use std::fs;

use crate::support::root;

#[test]
fn every_example_says_what_it_shows_how_to_run_it_what_to_try_and_what_to_expect() {
    for (name, text) in examples() {
        let header: Vec<_> = text.lines().take_while(|line| line.starts_with("//!")).collect();
        let header = header.join("\n");
        for part in ["//! Shows:  ", "//! Run:    cargo run ", "//! Try:    ", "//! Expect: "] {
            assert!(header.contains(part), "{name}.rs has no {part:?} in its header");
        }
        assert!(header.contains(&format!("--example {name}")), "{name}.rs runs another example");
    }
}

#[test]
fn every_example_has_20_to_150_lines_of_code() {
    for (name, text) in examples() {
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
        let lines = text.lines().filter(is_code).count();
        assert!((20..=150).contains(&lines), "{name}.rs has {lines} lines of code");
    }
}

/// The name and the text of each.
fn examples() -> Vec<(String, String)> {
    let folder = fs::read_dir(root().join("examples")).expect("the examples are there");
    let files = folder.map(|entry| entry.expect("it can be listed").path());
    let sources = files.filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    let examples: Vec<_> = sources
        .map(|path| {
            let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("it can be read"))
        })
        .collect();
    assert_eq!(examples.len(), 8, "an example came or went");
    examples
}
