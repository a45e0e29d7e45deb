#![allow(non_camel_case_types, dead_code, non_upper_case_globals)]

mod std {}
mod core {}
mod multi_node {}
mod tokio {}

enum Result {}
enum Option {}
struct Ok;
struct Err;
struct Some;
struct None;
struct String;
struct Builder;
struct Duration;
struct Future;
struct Nodes;
struct Of;
trait Message {}
trait NotAMessage {}
struct u16;
struct u32;
struct u64;
struct usize;
struct bool;
struct str;
const builder: () = ();
fn nodes() {}
fn port() {}
fn fold() {}

#[::multi_node::main(
    port = 8080,
    host = "127.0.0.1",
    nodes = 2,
    master_listen = true,
    backlog = 10,
    drain_timeout = "1s",
    ready = "explicit",
    hang_timeout = off,
    max_memory = "64M",
    max_connections = 1_000,
    start_timeout = ::std::time::Duration::from_secs(1),
    flavor = "multi_thread",
    worker_threads = 2,
)]
async fn serve(n: ::multi_node::Nodes) -> ::std::io::Result<()> {
    n.shutdown().await;
    ::std::result::Result::Ok(())
}

#[derive(::multi_node::Message, ::serde::Serialize, ::serde::Deserialize)]
struct Wrapper(Inner);

#[derive(::multi_node::Message, ::serde::Serialize, ::serde::Deserialize)]
struct Inner(u8);

fn main() {
    let _: fn() -> ::std::io::Result<()> = serve;
    let _ = <Wrapper as ::multi_node::Message>::FINGERPRINT;
}
