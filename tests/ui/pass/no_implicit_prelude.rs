#![no_implicit_prelude]

#[::multi_node::main(
    port = 8080,
    host = "127.0.0.1",
    nodes = auto,
    master_listen = true,
    backlog = 10,
    drain_timeout = "1s",
    ready = "explicit",
    hang_timeout = off,
    max_memory = "64M",
    max_connections = 1_000,
    flavor = "multi_thread",
    worker_threads = 2,
)]
async fn serve(nodes: ::multi_node::Nodes) -> ::std::io::Result<()> {
    nodes.shutdown().await;
    ::std::result::Result::Ok(())
}

#[::multi_node::main]
async fn bare() {}

#[::multi_node::main]
fn blocking(_: ::multi_node::Nodes) {}

#[derive(::multi_node::Message, ::serde::Serialize, ::serde::Deserialize)]
enum Chat {
    Said { who: ::std::string::String },
    Inner(::std::vec::Vec<Inner>),
}

#[derive(::multi_node::Message, ::serde::Serialize, ::serde::Deserialize)]
struct Inner;

fn main() {
    let _: fn() -> ::std::io::Result<()> = serve;
    let _: fn() = bare;
    let _: fn() = blocking;
    let _ = Chat::Said { who: ::std::string::String::new() };
    let _ = Chat::Inner(::std::vec::Vec::new());
    let _ = <Chat as ::multi_node::Message>::FINGERPRINT;
}
