//! The layer for those who run their own server.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::{Method, Request, Response, StatusCode, Version};
use tower_layer::Layer;
use tower_service::Service;

use crate::node::serve::CloseOnDrainLayer;

/// Answers with a status, and `connection: keep-alive`.
struct Status(StatusCode);

impl Service<Request<()>> for Status {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        let response = Response::builder().status(self.0).header("connection", "keep-alive");
        ready(Ok(response.body(()).expect("valid")))
    }
}

async fn connection(draining: bool, method: Method, version: Version, status: u16) -> String {
    let layer = CloseOnDrainLayer::new(move || draining);
    let mut service = layer.layer(Status(StatusCode::from_u16(status).expect("valid")));
    let request = Request::builder().method(method).version(version).body(()).expect("valid");
    let response = service.call(request).await.expect("infallible");
    let values: Vec<_> = response.headers().get_all("connection").iter().collect();
    assert_eq!(values.len(), 1, "{values:?}");
    values[0].to_str().expect("text").to_owned()
}

#[tokio::test]
async fn a_layer_says_close_while_draining_and_not_before() {
    for version in [Version::HTTP_11, Version::HTTP_10] {
        assert_eq!(connection(false, Method::GET, version, 200).await, "keep-alive");
        assert_eq!(connection(true, Method::GET, version, 200).await, "close");
    }
}

#[tokio::test]
async fn http_2_upgrades_and_tunnels_pass_unchanged() {
    assert_eq!(connection(true, Method::GET, Version::HTTP_2, 200).await, "keep-alive");
    assert_eq!(connection(true, Method::GET, Version::HTTP_11, 101).await, "keep-alive");
    assert_eq!(connection(true, Method::CONNECT, Version::HTTP_11, 200).await, "keep-alive");
}

#[tokio::test]
async fn a_tunnel_that_was_refused_closes() {
    assert_eq!(connection(true, Method::CONNECT, Version::HTTP_11, 403).await, "close");
}

#[tokio::test]
async fn a_layer_asks_at_the_response_and_not_at_the_request() {
    let draining = Arc::new(AtomicBool::new(false));
    let asked = draining.clone();
    let layer = CloseOnDrainLayer::new(move || asked.load(Ordering::Relaxed));
    let response = layer.layer(Status(StatusCode::OK)).call(Request::new(()));
    draining.store(true, Ordering::Relaxed);
    let response = response.await.expect("infallible");
    assert_eq!(response.headers()["connection"], "close");
}
