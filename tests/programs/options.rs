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
    ready = "implicit",
    drain_delay = "1ms",
    drain_grace = "20ms",
    max_surge = 1,
    hang_timeout = "40s",
    max_lifetime = "24h",
    max_connections = 1_000_000,
    max_memory = "4G",
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
                .ready_implicit()
                .drain_delay(Duration::from_millis(1))
                .drain_grace(Duration::from_millis(20))
                .max_surge(1)
                .hang_timeout(Duration::from_secs(40))
                .max_lifetime(Duration::from_secs(86_400))
                .max_connections(1_000_000)
                .max_memory(4 << 30)
                .multi_thread()
                .worker_threads(2)
        },
        serve_lines,
    )
}
