//! A program whose options stand in a file, as those of most programs do.

use std::fs;
use std::process::ExitCode;

use multi_node::Builder;

use crate::lines::serve_lines;
use crate::words::argument;

/// The file, named by the second argument, has an option and its value a line; `panic` panics.
pub(crate) fn configured() -> ExitCode {
    multi_node::run(
        || {
            let file = fs::read_to_string(argument(2)).expect("the options can be read");
            let defaults = Builder::new().port(0).host("127.0.0.1");
            file.lines().fold(defaults, |builder, line| match line.split_once(' ') {
                Some(("nodes", nodes)) => builder.nodes(nodes.parse::<usize>().expect("a number")),
                Some(("master_listen", listens)) => builder.master_listen(listens == "true"),
                Some(("pid_file", path)) => builder.pid_file(path),
                _ => panic!("no option: {line:?}"),
            })
        },
        serve_lines,
    )
}
