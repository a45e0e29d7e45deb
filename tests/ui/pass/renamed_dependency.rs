// The usual name leads elsewhere, so whatever the macros write must go by the new one.
extern crate core as multi_node;
pub extern crate multi_node as library;

mod facade {
    pub use library as cluster;
}

use library::Message;
use serde::{Deserialize, Serialize};

#[library::main(crate = "library", port = 8080, nodes = auto, drain_timeout = "1s")]
async fn serve(nodes: library::Nodes) {
    nodes.shutdown().await;
}

#[library::main(crate = facade::cluster)]
async fn through_a_facade() {}

#[derive(Serialize, Deserialize, Message)]
#[message(crate = "library")]
struct Outer {
    inner: Inner,
}

#[derive(Serialize, Deserialize, Message)]
#[message(crate = "crate::facade::cluster")]
struct Inner;

fn main() {
    let _: [fn(); 2] = [serve, through_a_facade];
    assert_ne!(Outer::FINGERPRINT, Inner::FINGERPRINT);
}
