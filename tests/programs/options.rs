//! Every option, by attribute and by builder.

use std::process::ExitCode;
use std::time::Duration;

use multi_node::{Builder, Nodes};

use crate::lines::serve_lines;
use crate::words::say;

#[multi_node::main(
    port = 0,
    host = "127.0.0.1",
    nodes = 3,
    master_listen = false,
    restart_children = false,
    backlog = 64,
    drain_timeout = "2s",
    start_timeout = "50s",
    flavor = "multi_thread",
    worker_threads = 2
)]
pub(crate) async fn attribute(nodes: Nodes) -> Result<(), String> {
    serve_lines(nodes).await
}

/// The same without the attribute; says in which processes the configuration was made.
pub(crate) fn builder() -> ExitCode {
    multi_node::run(
        || {
            say(format_args!("configured pid={}", std::process::id()));
            Builder::new()
                .port(0)
                .host("127.0.0.1")
                .nodes(3)
                .master_listen(false)
                .restart_children(false)
                .backlog(64)
                .drain_timeout(Duration::from_secs(2))
                .start_timeout(Duration::from_secs(50))
                .multi_thread()
                .worker_threads(2)
        },
        serve_lines,
    )
}
