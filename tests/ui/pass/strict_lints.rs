#![deny(warnings, unused_qualifications, unused_imports, single_use_lifetimes, unreachable_pub)]
#![deny(absolute_paths_not_starting_with_crate, unused_results, unused_lifetimes)]
#![forbid(unsafe_code, unused_import_braces, unused_must_use)]

use core::time::Duration;

use multi_node::{Builder, Message, NodeCount, Nodes};
use serde::{Deserialize, Serialize};

#[multi_node::main(
    port = 8080,
    host = "127.0.0.1",
    nodes = auto,
    master_listen = true,
    backlog = 10,
    drain_timeout = "1s",
    start_timeout = Duration::from_secs(1),
    flavor = "multi_thread",
    worker_threads = 2,
)]
async fn serve(nodes: Nodes) -> std::io::Result<()> {
    nodes.shutdown().await;
    Ok(())
}

#[derive(Serialize, Deserialize, Message)]
struct Wrapper {
    inner: Vec<Inner>,
}

#[derive(Serialize, Deserialize, Message)]
struct Inner(u8);

fn main() {
    let _: fn() -> std::io::Result<()> = serve;
    let _: fn(Builder, NodeCount) = |_, _| {};
    let wrapper = Wrapper { inner: vec![Inner(1)] };
    assert_eq!(wrapper.inner[0].0, 1);
    assert_ne!(Wrapper::FINGERPRINT, Inner::FINGERPRINT);
}
