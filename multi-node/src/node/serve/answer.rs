//! One request through a tower service, as hyper asks for it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::{Request, Response};
use tower_service::Service;

use super::close::Closable;
use super::wire::Open;

/// The user's service on one connection.
pub(super) struct App<S> {
    service: S,
    open: Arc<Open>,
}

impl<S> App<S> {
    pub(super) fn new(service: S, open: Arc<Open>) -> Self {
        App { service, open }
    }
}

impl<S, A, B> hyper::service::Service<Request<A>> for App<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Answer<S, Request<A>>;

    fn call(&self, request: Request<A>) -> Self::Future {
        Answer {
            closable: Closable::of(&request),
            open: self.open.clone(),
            step: Step::Waiting { service: self.service.clone(), request: Some(request) },
        }
    }
}

pin_project_lite::pin_project! {
    /// A response in the making.
    pub(super) struct Answer<S, R>
    where
        S: Service<R>,
    {
        closable: Closable,
        open: Arc<Open>,
        #[pin]
        step: Step<S, R, S::Future>,
    }
}

pin_project_lite::pin_project! {
    #[project = StepProjection]
    enum Step<S, R, F> {
        // The service is not ready yet; the request is there until it is.
        Waiting { service: S, request: Option<R> },
        Called { #[pin] response: F },
    }
}

impl<S, A, B> Future for Answer<S, Request<A>>
where
    S: Service<Request<A>, Response = Response<B>>,
{
    type Output = Result<Response<B>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let response = match this.step.as_mut().project() {
                StepProjection::Waiting { service, request } => {
                    ready!(service.poll_ready(cx))?;
                    let request = request.take().expect("the step changes with the request");
                    service.call(request)
                }
                StepProjection::Called { response } => {
                    let mut response = ready!(response.poll(cx))?;
                    if this.open.server.drain.draining.is_passed()
                        && this.closable.close(&mut response)
                    {
                        this.open.tell_to_close();
                    }
                    return Poll::Ready(Ok(response));
                }
            };
            this.step.set(Step::Called { response });
        }
    }
}
