//! Bytes that all nodes share; who makes them says so.

use std::{fs, io, process};

use multi_node::Nodes;

use crate::lines::serve_lines;
use crate::words::{argument, say, who};

const BYTES: usize = 1 << 20;

/// While the file exists that the second argument names, the master waits, and whoever is to make
/// the bytes removes it and ends.
#[multi_node::main(port = 0, nodes = 4)]
pub(crate) async fn shares(nodes: Nodes) -> Result<(), String> {
    while nodes.is_master() && fs::exists(argument(2)).map_err(|error| error.to_string())? {
        tokio::task::yield_now().await;
    }
    let me = who(&nodes);
    let bytes =
        nodes.share("sevens", move || make(&me)).await.map_err(|error| error.to_string())?;
    assert!(bytes.len() == BYTES && bytes.iter().all(|byte| *byte == 7));
    say(format_args!("shares {}", who(&nodes)));
    let refused = nodes.share("nothing", || fs::read("/no/such/file")).await;
    say(format_args!("refused {}: {}", who(&nodes), refused.expect_err("there is no such file")));
    serve_lines(nodes).await
}

fn make(me: &str) -> io::Result<Vec<u8>> {
    say(format_args!("makes {me}"));
    if fs::remove_file(argument(2)).is_ok() {
        process::exit(9);
    }
    Ok(vec![7; BYTES])
}
