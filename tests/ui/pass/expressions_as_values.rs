use std::path::{Path, PathBuf};
use std::time::Duration;

use multi_node::Nodes;

struct Settings {
    port: u16,
    host: String,
    nodes: usize,
}

fn settings() -> Settings {
    Settings { port: 8080, host: "127.0.0.1".to_owned(), nodes: 2 }
}

fn pair<A: Default, B>() -> A {
    A::default()
}

const BACKLOG: u32 = 64;

#[multi_node::main(
    port = settings().port,
    host = settings().host,
    nodes = settings().nodes,
    master_listen = pair::<bool, u8>(),
    restart_children = !cfg!(debug_assertions),
    backlog = BACKLOG * 2,
    drain_timeout = { let seconds = 3; Duration::from_secs(seconds) },
    start_timeout = [1, 2].iter().map(|n| Duration::from_secs(*n)).sum(),
    drain_delay = Duration::ZERO,
    drain_grace = Duration::from_millis(200),
    max_surge = if cfg!(debug_assertions) { 1 } else { 4 },
    hang_timeout = Some(Duration::from_secs(10)),
    max_lifetime = Duration::from_secs(3600),
    max_connections = u64::from(BACKLOG),
    max_memory = 64 << 20,
    user = settings().host,
    group = "www-data".to_owned(),
    pid_file = PathBuf::from("/run").join("app.pid"),
    flavor = "multi_thread",
    worker_threads = 1 + 1,
)]
async fn serve(nodes: Nodes) {
    nodes.shutdown().await;
}

#[multi_node::main(
    host = String::from("localhost").as_str(),
    nodes = 2 * 2,
    hang_timeout = Duration::from_secs(2),
    pid_file = Path::new("app.pid"),
)]
async fn temporaries(nodes: Nodes) {
    nodes.shutdown().await;
}

fn main() {
    let _: [fn(); 2] = [serve, temporaries];
}
