//! A runtime of its own: an actix-web server in every node.
//!
//! Shows:  a plain `fn main(nodes)`, `into_std` for a server that accepts by itself, and how such a
//!         server leaves when its node drains.
//! Run:    cargo run --example actix
//! Try:    curl http://127.0.0.1:8080 several times, and `kill -HUP` the first process meanwhile.
//! Expect: answers from all four, and none of them lost:
//!
//!         actix-web on node 3
//!
//! `into_std` leaves fair accept: the kernel alone decides which node gets a connection.

use std::io;
use std::time::Duration;

use actix_web::{App, HttpServer, rt, web};
use multi_node::Nodes;

#[multi_node::main(port = 8080, nodes = 4)]
fn main(nodes: Nodes) -> io::Result<()> {
    rt::System::new().block_on(serve(nodes))
}

async fn serve(nodes: Nodes) -> io::Result<()> {
    let hello = format!("actix-web on node {}\n", nodes.id());
    let app = move || {
        let hello = hello.clone();
        App::new().route("/", web::get().to(move || std::future::ready(hello.clone())))
    };

    let server = HttpServer::new(app)
        .workers(1) // the nodes are the parallelism
        .disable_signals() // multi-node handles them, and says so through `shutdown`
        .listen(nodes.listener().into_std()?)?
        .run();
    if nodes.is_master()
        && let Some(address) = nodes.local_addr()
    {
        println!("listening on http://{address}");
    }

    let handle = server.handle();
    rt::spawn(async move {
        nodes.shutdown().await;
        // By itself, `stop` would drop what was accepted a moment ago and not read yet.
        handle.pause().await;
        rt::time::sleep(Duration::from_secs(1)).await;
        handle.stop(true).await;
    });
    server.await
}
