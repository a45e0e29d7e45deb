//! actix-web with as many workers as there are nodes: `peer_actix <port> <nodes> <answer>`.

use actix_web::http::header::ContentType;
use actix_web::{App, HttpResponse, HttpServer, web};
use multi_node_benches::{Answer, announce, die_with_parent};

fn main() -> std::io::Result<()> {
    die_with_parent();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, nodes, answer] = arguments.as_slice() else {
        return Err(std::io::Error::other("expected <port> <nodes> <answer>"));
    };
    let answer: Answer = answer.parse().map_err(std::io::Error::other)?;
    let port: u16 = port.parse().map_err(std::io::Error::other)?;
    let nodes: usize = nodes.parse().map_err(std::io::Error::other)?;

    let server = HttpServer::new(move || {
        App::new().route(
            "/",
            web::get().to(move || async move {
                HttpResponse::Ok().content_type(ContentType::plaintext()).body(answer.body())
            }),
        )
    })
    .workers(nodes)
    .backlog(4096)
    .bind(("0.0.0.0", port))?;
    actix_web::rt::System::new().block_on(announce(server.run()))
}
