//! `builder`: the settings of a file, and the mistakes in one.

use std::{env, fs, process};

use crate::support::{Program, get};

#[test]
fn builder_has_the_nodes_that_its_file_asks_for() {
    let mut builder = Program::start("builder", &["examples/builder.conf"]);
    let address = builder.address();
    let answer = get(address, "").body;
    let expected = ["node 0 of 3\n", "node 1 of 3\n", "node 2 of 3\n"];
    assert!(expected.contains(&&*answer), "{answer:?}");
    builder.stop();
}

#[test]
fn builder_tells_file_line_and_what_is_expected() {
    let cases = [
        ("nodes = 2\n\nport = high\n", "3: `port = high`: expected a port, 0 to 65535"),
        ("nodes = -1 # fewer\n", "1: `nodes = -1`: expected 1 to 256, or auto"),
        ("master_listen = no\n", "1: `master_listen = no`: expected true or false"),
        ("colour = red\n", "1: `colour = red`: expected one of host, port, nodes, master_listen"),
        ("port 80\n", "1: `port 80`: expected `key = value`"),
    ];
    let path = env::temp_dir().join(format!("multi-node-builder-{}.conf", process::id()));
    let name = path.to_str().expect("the folder for temporary files is readable");
    for (text, expected) in cases {
        fs::write(&path, text).expect("the file can be written");
        assert_eq!(refusal(name), format!("{name}:{expected}"));
    }
    fs::remove_file(&path).expect("it was there");
    let refusal = refusal(name);
    assert!(refusal.starts_with(&format!("{name}: No such file")), "{refusal}");
}

/// The one line that it ends with.
fn refusal(file: &str) -> String {
    let (status, said) = Program::start("builder", &[file]).end();
    assert_eq!(status.code(), Some(78), "{said:#?}");
    assert_eq!(said.len(), 1, "{said:#?}");
    said.concat()
}
